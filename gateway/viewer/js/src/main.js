// The built-in viewer. The page brings the studies and their series; everything else comes by DICOMweb.
import { Hotkeys } from "./hotkeys.js";
import { archive, config, first, grid } from "./page.js";
import { endPreview } from "./preview.js";
import { SeriesList } from "./series_list.js";
import { openTags } from "./tags.js";
import { LAYOUTS, Viewer } from "./viewer.js";
import { start } from "./engine.js";
import { wireToolbar } from "./toolbar.js";

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
  action("next", "Next image", "ArrowDown", inStack((cell) => cell.scroll(1))),
  action("previous", "Previous image", "ArrowUp", inStack((cell) => cell.scroll(-1))),
  action("ten-next", "Ten images on", "Shift+ArrowDown", inStack((cell) => cell.scroll(10))),
  action("ten-previous", "Ten images back", "Shift+ArrowUp", inStack((cell) => cell.scroll(-10))),
  action("first", "First image", "Home", inStack((cell) => cell.goTo(0))),
  action("last", "Last image", "End", inStack((cell) => cell.goTo(cell.count - 1))),
  action("next-series", "Next series", "PageDown", () => besides(1)),
  action("previous-series", "Previous series", "PageUp", () => besides(-1)),
  action("next-viewport", "Viewport at the right", "ArrowRight", () => viewer.step(1)),
  action("previous-viewport", "Viewport at the left", "ArrowLeft", () => viewer.step(-1)),
  action("window", "Window tool", "w", tool("window")),
  action("scroll", "Scroll tool", "s", tool("scroll")),
  action("zoom", "Zoom tool", "z", tool("zoom")),
  action("pan", "Pan tool", "p", tool("pan")),
  action("length", "Length", "l", tool("length")),
  action("angle", "Angle", "a", tool("angle")),
  action("ellipse", "Ellipse with statistics", "e", tool("ellipse")),
  action("rectangle", "Rectangle with statistics", "r", tool("rectangle")),
  action("probe", "Probe", "b", tool("probe")),
  action("crosshairs", "Crosshairs of the planes", "x", () => viewer.isMpr && viewer.chooseTool("crosshairs")),
  action("remove", "Take the latest measurement away", "Delete", () => viewer.removeMeasurement(false)),
  ...Array.from({ length: 9 }, (_, index) => action(`preset-${index + 1}`, `Window preset ${index + 1}`, String(index + 1), () => viewer.usePreset(index))),
  action("narrower", "Narrower window", "[", inStack((cell) => cell.changeWindow(0.9, 0))),
  action("wider", "Wider window", "]", inStack((cell) => cell.changeWindow(1.1, 0))),
  action("darker", "Higher level (darker)", ";", inStack((cell) => cell.changeWindow(1, 0.05))),
  action("brighter", "Lower level (brighter)", "'", inStack((cell) => cell.changeWindow(1, -0.05))),
  action("invert", "Invert", "i", buttons.invert),
  action("rotate", "Rotate by 90°", "t", buttons.rotate),
  action("flip-horizontal", "Flip left and right", "h", buttons["flip-horizontal"]),
  action("flip-vertical", "Flip up and down", "v", buttons["flip-vertical"]),
  action("zoom-in", "Zoom in", "+", inStack((cell) => cell.zoomBy(1.15))),
  action("zoom-out", "Zoom out", "-", inStack((cell) => cell.zoomBy(1 / 1.15))),
  action("pan-left", "Move the picture to the left", "Shift+ArrowLeft", inStack((cell) => cell.panBy(-30, 0))),
  action("pan-right", "Move the picture to the right", "Shift+ArrowRight", inStack((cell) => cell.panBy(30, 0))),
  action("reset", "As at the beginning", "0", buttons.reset),
  action("cine", "Play and stop", "c", buttons.cine),
  action("slower", "Play slower", ",", buttons.slower),
  action("faster", "Play faster", ".", buttons.faster),
  action("layout", "Next layout", "q", () => viewer.setLayout(after(Object.keys(LAYOUTS), viewer.layout))),
  action("mpr", "Planes of the volume (MPR)", "m", buttons.mpr),
  action("references", "Reference lines", "f", buttons.references),
  action("overlays", "Words in the corners", "o", buttons.overlays),
  action("tags", "Tags browser", "g", buttons.tags),
  action("key", "Key image, mark or unmark", "k", buttons.key),
  action("next-key", "Next key image", "n", () => viewer.toKey(1)),
  action("previous-key", "Previous key image", "N", () => viewer.toKey(-1)),
  action("list", "Series list", "u", buttons.list),
  action("keys", "These keys", "?", buttons.keys),
]);

document.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest("dialog")?.close());
viewer.setLayout("1x1");
wireToolbar(viewer, buttons);
if (first) viewer.open(first);
else viewer.active.say("No series of this study is stored any more.");
document.body.dataset.ready = "true";

function after(names, name) {
  return names[(names.indexOf(name) + 1) % names.length];
}
