// The words in a viewport's corners, and the letters at its edges that say which way the patient lies.
import { utilities } from "@cornerstonejs/core";
import { h } from "./dom.js";
import { date, number, short, text, time } from "./values.js";
import { t } from "./words.js";

const EDGES = { left: [0, 0.5], right: [1, 0.5], top: [0.5, 0], bottom: [0.5, 1] };
const LOSSY = /^1\.2\.840\.10008\.1\.2\.4\.(50|51|81|91|203|112)$/;

/** Corners and edges of one viewport. */
export class Overlay {
  constructor() {
    const corner = (place) => h("div", { class: `corner ${place}` });
    this.corners = { patient: corner("top-left"), study: corner("top-right"), view: corner("bottom-left"), image: corner("bottom-right") };
    this.edges = Object.fromEntries(Object.keys(EDGES).map((edge) => [edge, h("span", { class: `edge ${edge}`, "aria-hidden": "true" })]));
    this.element = h("div", { class: "overlay" }, ...Object.values(this.corners), ...Object.values(this.edges));
  }

  clear() {
    for (const each of [...Object.values(this.corners), ...Object.values(this.edges)]) each.replaceChildren();
  }

  /** What stays the same while one scrolls. @param {import("./values.js").Dataset} dataset */
  showStudy(dataset) {
    lines(this.corners.patient, [
      text(dataset, "00100010") || t("(no name)"),
      text(dataset, "00100020"),
      [date(text(dataset, "00100030")), text(dataset, "00100040")].filter(Boolean).join(" "),
    ]);
    lines(this.corners.study, [
      text(dataset, "00080080"),
      [date(text(dataset, "00080020")), time(text(dataset, "00080030"))].filter(Boolean).join(" "),
      text(dataset, "00081030"),
      text(dataset, "0008103E"),
    ]);
  }

  /**
   * @param {{dataset: import("./values.js").Dataset|undefined, index: number, count: number, isKey: boolean,
   *   isDrawnByServer: boolean, plane: string}} shown
   */
  showImage({ dataset, index, count, isKey, isDrawnByServer, plane }) {
    const thickness = number(dataset, "00180050");
    const location = number(dataset, "00201041");
    const isLossy = text(dataset, "00282110") === "01" || LOSSY.test(text(dataset, "00083002"));
    lines(this.corners.image, [
      isKey && `★ ${t("key image")}`,
      isDrawnByServer && t("drawn by the server"),
      isLossy && t("lossy"),
      plane || [thickness && `${short(thickness)} mm`, location !== null && t("at {place}", { place: location.toFixed(1) })].filter(Boolean).join("  "),
      `${index + 1} / ${count}`,
    ]);
  }

  /** @param {{width: number, center: number}|null} window @param {number} zoom @param {string} unit */
  showView(window, zoom, unit) {
    lines(this.corners.view, [
      zoom && `${Math.round(zoom * 100)} %`,
      window && `W ${Math.round(window.width)}  L ${Math.round(window.center)}${unit ? ` ${unit}` : ""}`,
    ]);
  }

  /** From where the edges of the canvas lie in the patient (PS3.3 C.7.6.2.1.1); nothing without an orientation. */
  showEdges(viewport, hasOrientation) {
    for (const [edge, [x, y]] of Object.entries(EDGES)) this.edges[edge].textContent = hasOrientation ? letters(viewport, x, y) : "";
  }
}

function letters(viewport, x, y) {
  const { clientWidth: width, clientHeight: height } = viewport.element;
  const middle = viewport.canvasToWorld([width / 2, height / 2]);
  const edge = viewport.canvasToWorld([width * x, height * y]);
  const way = edge.map((value, index) => value - middle[index]);
  const length = Math.hypot(...way) || 1;
  return [["R", "L"], ["A", "P"], ["F", "H"]]
    .map((names, axis) => [Math.abs(way[axis]) / length, names[way[axis] > 0 ? 1 : 0]])
    .filter(([share]) => share > 0.35)
    .sort(([one], [other]) => other - one)
    .map(([, letter]) => letter)
    .join("");
}

function lines(corner, found) {
  corner.replaceChildren(...found.filter(Boolean).map((line) => h("div", {}, String(line))));
}

/** @param {{lower: number, upper: number}|undefined} range */
export function windowOf(range) {
  if (!range) return null;
  const { windowWidth, windowCenter } = utilities.windowLevel.toWindowLevel(range.lower, range.upper);
  return { width: windowWidth, center: windowCenter };
}
