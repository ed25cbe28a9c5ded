// The list of series at the left: thumbnails to drag, or to open with Enter in the active viewport.
import { h } from "./dom.js";
import { t } from "./words.js";

/** What a dragged entry carries. */
export const DRAGGED = "application/x-gantry-series";

/** Entries of all studies on the page. */
export class SeriesList {
  /**
   * @param {HTMLElement} root
   * @param {object[]} studies as the page gives them
   * @param {ReturnType<import("./dicomweb.js").archive>} archive
   * @param {(series: object, set?: number) => void} open
   */
  constructor(root, studies, archive, open) {
    this.archive = archive;
    this.open = open;
    this.entries = new Map();
    for (const study of studies) {
      if (studies.length > 1) root.append(h("h2", { class: "list-study" }, [study.date, study.description].filter(Boolean).join(" · ") || t("Study")));
      root.append(h("ul", { class: "series-cards" }, ...study.series.map((series) => this.entry(study, series))));
    }
  }

  entry(study, series) {
    const picture = h("img", { class: "thumb", alt: "", width: 88, height: 88, loading: "lazy", draggable: "false", src: this.archive.thumbnail(study.uid, series.uid) });
    const without = h("span", { class: "thumb thumb-words", hidden: true, "aria-hidden": "true" }, series.modality || "?");
    picture.addEventListener("error", () => {
      picture.hidden = true;
      without.hidden = false;
    });
    const words = series.description || t("(no description)");
    const button = h("button",
      { type: "button", class: "series-card", draggable: "true", "data-series": series.uid, title: words,
        "aria-label": `${t("Series {number}", { number: series.number || t("without number") })}, ${series.modality}, ${words}, ${counted(series.count)}` },
      h("span", { class: "thumb-box" }, picture, without),
      h("span", { class: "series-card-words" },
        h("span", { class: "series-card-head" }, h("span", { class: "tag" }, series.modality || "–"), h("span", { class: "soft" }, series.number ? t("no. {number}", { number: series.number }) : "")),
        h("span", { class: "series-card-name" }, words),
        h("span", { class: "soft" }, `${series.count}`, h("span", { class: "series-card-loaded" }))));
    button.addEventListener("click", () => this.open(series));
    button.addEventListener("dragstart", (event) => event.dataTransfer.setData(DRAGGED, series.uid));
    const parts = h("div", { class: "series-parts" });
    this.entries.set(series.uid, { button, parts, series });
    return h("li", {}, button, parts);
  }

  /** A series that holds several stacks or objects offers each of them. @param {import("./study.js").DisplaySet[]} sets */
  showParts(series, sets) {
    const { parts } = this.entries.get(series.uid);
    if (sets.length < 2 || parts.childElementCount) return;
    parts.append(...sets.map((set, index) =>
      h("button", { type: "button", class: "part", "data-set": set.id, onclick: () => this.open(series, index) },
        set.frames.length > 1 ? t("{count} images", { count: set.frames.length }) : set.frames.length ? t("1 image") : set.kind.words)));
  }

  /** Which series are in view, and which in the active viewport. */
  mark(shown, active) {
    for (const [uid, { button }] of this.entries) {
      button.classList.toggle("is-shown", shown.has(uid));
      if (uid === active) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  /** The series before or after another one. */
  beside(uid, step) {
    const all = [...this.entries.values()].map((each) => each.series);
    const at = all.findIndex((series) => series.uid === uid);
    return all[at + step] ?? null;
  }
}

function counted(count) {
  return count === 1 ? t("1 instance") : t("{count} instances", { count });
}
