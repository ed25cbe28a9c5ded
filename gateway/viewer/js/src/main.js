// The built-in viewer. The page brings the studies and their series; everything else comes by DICOMweb.
import { Hotkeys } from "./hotkeys.js";
import { archive, config, first, grid } from "./page.js";
import { endPreview } from "./preview.js";
import { SeriesList } from "./series_list.js";
import { openTags } from "./tags.js";
import { LAYOUTS, Viewer } from "./viewer.js";
import { start } from "./engine.js";
import { wireToolbar } from "./toolbar.js";
import { t } from "./words.js";

const viewer = new Viewer({ engine: start(config.wasm), archive, grid, studies: config.studies });
const list = new SeriesList(document.getElementById("series"), config.studies, archive, (series, set) => viewer.open(series, { set }));
viewer.addEventListener("change", ({ detail }) => {
  if (detail.what === "sets") list.showParts(detail.series, detail.sets);
  if (["sets", "series", "active", "layout", "image"].includes(detail.what)) list.mark(viewer.shownSeries, viewer.active.set?.series ?? viewer.active.wanted);
});

viewer.addEventListener("change", () => {
  const saysMore = ({ element, notice, wanted }) =>
    element.dataset.shown || notice.classList.contains("is-bad") || (wanted && wanted !== first?.uid);
  if (viewer.cells.some(saysMore)) endPreview(grid);
});

const inStack = (run) => () => run(viewer.active);
const buttons = {
  invert: inStack((cell) => cell.invert()),
  rotate: inStack((cell) => cell.rotate()),
  "flip-horizontal": inStack((cell) => cell.flip("horizontal")),
  "flip-vertical": inStack((cell) => cell.flip("vertical")),
  reset: () => viewer.reset(),
  cine: () => viewer.cine.toggle(viewer.active),
  slower: () => viewer.cine.faster(0.8),
  faster: () => viewer.cine.faster(1.25),
  mpr: () => viewer.toggleMpr(),
  references: () => viewer.toggleReferences(),
  overlays: () => viewer.toggleOverlays(),
  tags: () => openTags(viewer.active.dataset, config.tagNames),
  key: () => viewer.toggleKey(),
  "remove-all": () => viewer.removeMeasurement(true),
  keys: () => hotkeys.openSheet(),
  list: () => document.body.classList.toggle("without-list"),
};

function besides(step) {
  const cell = viewer.active;
  const series = list.beside(cell.set?.series ?? cell.wanted, step);
  if (series) viewer.open(series);
}

const tool = (name) => () => viewer.chooseTool(name);
const action = (name, words, key, run) => ({ name, words, key, run });
const hotkeys = new Hotkeys([
  action("next", t("Next image"), "ArrowDown", inStack((cell) => cell.scroll(1))),
  action("previous", t("Previous image"), "ArrowUp", inStack((cell) => cell.scroll(-1))),
  action("ten-next", t("Ten images on"), "Shift+ArrowDown", inStack((cell) => cell.scroll(10))),
  action("ten-previous", t("Ten images back"), "Shift+ArrowUp", inStack((cell) => cell.scroll(-10))),
  action("first", t("First image"), "Home", inStack((cell) => cell.goTo(0))),
  action("last", t("Last image"), "End", inStack((cell) => cell.goTo(cell.count - 1))),
  action("next-series", t("Next series"), "PageDown", () => besides(1)),
  action("previous-series", t("Previous series"), "PageUp", () => besides(-1)),
  action("next-viewport", t("Viewport at the right"), "ArrowRight", () => viewer.step(1)),
  action("previous-viewport", t("Viewport at the left"), "ArrowLeft", () => viewer.step(-1)),
  action("window", t("Window tool"), "w", tool("window")),
  action("scroll", t("Scroll tool"), "s", tool("scroll")),
  action("zoom", t("Zoom tool"), "z", tool("zoom")),
  action("pan", t("Pan tool"), "p", tool("pan")),
  action("length", t("Length"), "l", tool("length")),
  action("angle", t("Angle"), "a", tool("angle")),
  action("ellipse", t("Ellipse with statistics"), "e", tool("ellipse")),
  action("rectangle", t("Rectangle with statistics"), "r", tool("rectangle")),
  action("probe", t("Probe"), "b", tool("probe")),
  action("crosshairs", t("Crosshairs of the planes"), "x", () => viewer.isMpr && viewer.chooseTool("crosshairs")),
  action("remove", t("Take the latest measurement away"), "Delete", () => viewer.removeMeasurement(false)),
  ...Array.from({ length: 9 }, (_, index) => action(`preset-${index + 1}`, t("Window preset {number}", { number: index + 1 }), String(index + 1), () => viewer.usePreset(index))),
  action("narrower", t("Narrower window"), "[", inStack((cell) => cell.changeWindow(0.9, 0))),
  action("wider", t("Wider window"), "]", inStack((cell) => cell.changeWindow(1.1, 0))),
  action("darker", t("Higher level (darker)"), ";", inStack((cell) => cell.changeWindow(1, 0.05))),
  action("brighter", t("Lower level (brighter)"), "'", inStack((cell) => cell.changeWindow(1, -0.05))),
  action("invert", t("Invert"), "i", buttons.invert),
  action("rotate", t("Rotate by 90°"), "t", buttons.rotate),
  action("flip-horizontal", t("Flip left and right"), "h", buttons["flip-horizontal"]),
  action("flip-vertical", t("Flip up and down"), "v", buttons["flip-vertical"]),
  action("zoom-in", t("Zoom in"), "+", inStack((cell) => cell.zoomBy(1.15))),
  action("zoom-out", t("Zoom out"), "-", inStack((cell) => cell.zoomBy(1 / 1.15))),
  action("pan-left", t("Move the picture to the left"), "Shift+ArrowLeft", inStack((cell) => cell.panBy(-30, 0))),
  action("pan-right", t("Move the picture to the right"), "Shift+ArrowRight", inStack((cell) => cell.panBy(30, 0))),
  action("reset", t("As at the beginning"), "0", buttons.reset),
  action("cine", t("Play and stop"), "c", buttons.cine),
  action("slower", t("Play slower"), ",", buttons.slower),
  action("faster", t("Play faster"), ".", buttons.faster),
  action("layout", t("Next layout"), "q", () => viewer.setLayout(after(Object.keys(LAYOUTS), viewer.layout))),
  action("mpr", t("Planes of the volume (MPR)"), "m", buttons.mpr),
  action("references", t("Reference lines"), "f", buttons.references),
  action("overlays", t("Words in the corners"), "o", buttons.overlays),
  action("tags", t("Tags browser"), "g", buttons.tags),
  action("key", t("Key image, mark or unmark"), "k", buttons.key),
  action("next-key", t("Next key image"), "n", () => viewer.toKey(1)),
  action("previous-key", t("Previous key image"), "N", () => viewer.toKey(-1)),
  action("list", t("Series list"), "u", buttons.list),
  action("keys", t("These keys"), "?", buttons.keys),
]);

document.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest("dialog")?.close());
viewer.setLayout("1x1");
wireToolbar(viewer, buttons);
if (first) viewer.open(first);
else viewer.active.say(t("No series of this study is stored any more."));
document.body.dataset.ready = "true";

function after(names, name) {
  return names[(names.indexOf(name) + 1) % names.length];
}
