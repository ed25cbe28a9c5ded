// Objects without pixels: what they are, their file, and a report's content as text (PS3.3 C.17.3).
import { h, icon } from "./dom.js";
import { all, date, number, personName, text, time } from "./values.js";
import { t } from "./words.js";

const DEEPEST = 12;
const MOST_LINES = 2000;

/**
 * @param {import("./study.js").DisplaySet} set
 * @param {ReturnType<import("./dicomweb.js").archive>} archive
 */
export function objectPanel(set, archive) {
  const [dataset] = set.instances;
  const sop = text(dataset, "00080018");
  const file = `/studies/${set.study}/instances/${sop}/file/`;
  const facts = [
    [t("Series"), [text(dataset, "00200011"), text(dataset, "0008103E")].filter(Boolean).join(" · ")],
    [t("Made"), [date(text(dataset, "00080023") || text(dataset, "00080020")), time(text(dataset, "00080033"))].filter(Boolean).join(" ")],
    [t("Title"), text(dataset, "00420010") || codeWords(all(dataset, "0040A043")[0]) || text(dataset, "30060002") || text(dataset, "300A0002")],
    [t("State"), [text(dataset, "0040A491"), text(dataset, "0040A493")].filter(Boolean).join(", ").toLowerCase()],
  ].filter(([, value]) => value);
  return h(
    "div",
    { class: "object-body" },
    h("h2", {}, set.kind.words),
    h("p", {}, EXPLAINED[set.kind.name]),
    h("dl", { class: "object-facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("div", { class: "buttons" },
      set.kind.name === "pdf" && h("a", { class: "button primary", href: `${file}?part=document`, target: "_blank", rel: "noopener" }, t("Open the PDF")),
      h("a", { class: "button", href: file, download: "" }, icon("download"), ` ${t("Download the file")}`)),
    set.kind.name === "report" && h("div", { class: "report", tabindex: 0, role: "region", "aria-label": t("Content of the report") }, reportTree(dataset)),
  );
}

const EXPLAINED = {
  report: t("Its content, as text. Measurements and references are as the report has them."),
  pdf: t("The browser shows it in a tab of its own."),
  video: t("Browsers do not play it out of a DICOM file. Its file can be downloaded."),
  file: t("This viewer draws no such object. Its file can be downloaded; the tags browser (g) shows what is in it."),
};

function reportTree(dataset) {
  const budget = { lines: MOST_LINES };
  const items = contentItems(dataset, 0, budget);
  return items ?? h("p", {}, t("The archive sent no content of this report."));
}

function contentItems(item, depth, budget) {
  const found = all(item, "0040A730");
  if (!found.length || depth > DEEPEST) return null;
  return h("ul", {}, ...found.map((each) => {
    if (budget.lines-- <= 0) return null;
    const name = codeWords(all(each, "0040A043")[0]);
    const value = valueOf(each);
    return h("li", {}, name && h("b", {}, value ? `${name}: ` : name), value, contentItems(each, depth + 1, budget));
  }));
}

function valueOf(item) {
  switch (text(item, "0040A040")) {
    case "TEXT":
      return text(item, "0040A160");
    case "CODE":
      return codeWords(all(item, "0040A168")[0]);
    case "NUM": {
      const measured = all(item, "0040A300")[0];
      const unit = text(all(measured, "004008EA")[0], "00080100");
      const value = number(measured, "0040A30A");
      return measured ? `${value ?? text(measured, "0040A30A")} ${unit === "1" || unit === "{ratio}" ? "" : unit}`.trim() : t("not measured");
    }
    case "DATE":
      return date(text(item, "0040A121"));
    case "TIME":
      return time(text(item, "0040A122"));
    case "DATETIME":
      return text(item, "0040A120");
    case "PNAME":
      return personName(all(item, "0040A123")[0]?.Alphabetic ?? "");
    case "UIDREF":
      return text(item, "0040A124");
    case "IMAGE":
    case "COMPOSITE":
    case "WAVEFORM":
      return `→ ${text(all(item, "00081199")[0], "00081155")}`;
    case "SCOORD":
    case "SCOORD3D":
      return text(item, "00700023").toLowerCase();
    default:
      return "";
  }
}

function codeWords(code) {
  return code ? text(code, "00080104") || text(code, "00080100") : "";
}
