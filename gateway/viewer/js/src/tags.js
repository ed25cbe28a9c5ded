// The tags browser: every attribute of the shown instance, with a search; values are text.
import { h } from "./dom.js";
import { ask } from "./dicomweb.js";
import { t } from "./words.js";

const LONGEST = 300;
let names = null;

/**
 * Fill and open the dialog.
 * @param {import("./values.js").Dataset|undefined} dataset
 * @param {string} namesUrl where the names of the data dictionary are
 */
export async function openTags(dataset, namesUrl) {
  const dialog = document.getElementById("tags");
  names ??= await ask(namesUrl, "application/json").then((answer) => answer.json()).catch(() => null);
  const body = dialog.querySelector("tbody");
  const search = dialog.querySelector("input");
  body.replaceChildren(...rows(dataset ?? {}, 0));
  search.value = "";
  search.oninput = () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of body.rows) row.hidden = Boolean(wanted) && !row.textContent.toLowerCase().includes(wanted);
  };
  dialog.showModal();
  search.focus();
}

function rows(dataset, depth) {
  return Object.keys(dataset)
    .filter((tag) => /^[0-9A-F]{8}$/i.test(tag))
    .sort()
    .flatMap((tag) => {
      const element = dataset[tag];
      const name = names?.[tag.toUpperCase()] ?? (parseInt(tag.slice(0, 4), 16) % 2 ? t("Private") : "");
      const row = h("tr", {},
        h("td", { class: "tag-number" }, `${"\u00a0\u00a0".repeat(depth)}${depth ? "› " : ""}(${tag.slice(0, 4)},${tag.slice(4)})`),
        h("td", {}, element.vr ?? ""),
        h("td", {}, name),
        h("td", { class: "tag-value" }, element.vr === "SQ" ? t("{count} items", { count: element.Value?.length ?? 0 }) : words(element)));
      const items = element.vr === "SQ" && depth < 6 ? element.Value ?? [] : [];
      return [row, ...items.slice(0, 50).flatMap((item) => rows(item ?? {}, depth + 1))];
    });
}

function words(element) {
  if (element.BulkDataURI) return t("in bulk data");
  if (element.InlineBinary) return t("{count} bytes", { count: Math.floor((element.InlineBinary.length * 3) / 4) });
  const found = (element.Value ?? [])
    .map((value) => (value && typeof value === "object" ? Object.values(value).join(" = ") : String(value ?? "")))
    .join(" \\ ");
  return found.length > LONGEST ? `${found.slice(0, LONGEST)} …` : found;
}
