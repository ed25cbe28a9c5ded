// The page's state: the layout with its cells, which of them is active, and what the toolbar and the keys do.
import { removeMeasurement, removeMeasurements, Tools } from "./tools.js";
import { Cell } from "./cell.js";
import { Cine } from "./cine.js";
import { Failed } from "./dicomweb.js";
import { nextKeyImage, toggleKeyImage } from "./key_images.js";
import { PLANES, showPlanes } from "./mpr.js";
import { presetsOf } from "./presets.js";
import { DRAGGED } from "./series_list.js";
import { displaySets, isVolume } from "./study.js";
import { say } from "./dom.js";
import { all } from "./values.js";
import { t } from "./words.js";

export const LAYOUTS = { "1x1": [1, 1], "1x2": [1, 2], "2x2": [2, 2] };

/** Everything that happens in the grid. */
export class Viewer extends EventTarget {
  /** @param {{engine: any, archive: any, grid: HTMLElement, studies: object[]}} parts */
  constructor({ engine, archive, grid, studies }) {
    super();
    Object.assign(this, { engine, archive, grid, studies });
    this.tools = new Tools();
    this.cine = new Cine((isPlaying, rate) => this.changed("cine", { isPlaying, rate }));
    this.loaded = new Map();
    this.cells = [];
    this.areReferencesOn = false;
    this.isMpr = false;
    this.serial = 0;
    new ResizeObserver(() => this.resize()).observe(grid);
  }

  get active() {
    return this.cells[this.activeIndex] ?? this.cells[0];
  }

  changed(what, detail = {}) {
    this.dispatchEvent(new CustomEvent("change", { detail: { what, ...detail } }));
  }

  /** Pictures that fitted fit again; rotation, flips, zoom and pan stay. */
  resize() {
    const before = this.cells.filter((cell) => cell.viewport).map((cell) => [cell, cell.viewport.getViewPresentation?.()]);
    if (!before.length) return;
    this.engine.resize(true, false);
    for (const [cell, presentation] of before) {
      if (presentation) cell.viewport.setViewPresentation(presentation);
      cell.viewport.render();
    }
  }

  // Layout

  /** @param {keyof typeof LAYOUTS} name; what was shown stays, as far as there is room */
  setLayout(name) {
    const [rows, columns] = LAYOUTS[name];
    if (this.isMpr) this.leaveMpr(false);
    this.layout = name;
    this.place(rows, columns, rows * columns, this.tools.stacks);
    this.activate(Math.min(this.activeIndex ?? 0, this.cells.length - 1));
    this.resize();
    this.changed("layout");
  }

  place(rows, columns, count, toolGroup) {
    this.grid.classList.toggle("is-planes", this.isMpr);
    this.grid.style.gridTemplate = this.isMpr ? "" : `repeat(${rows}, minmax(0, 1fr)) / repeat(${columns}, minmax(0, 1fr))`;
    for (const cell of this.cells.splice(count)) cell.destroy();
    while (this.cells.length < count) this.cells.push(this.makeCell(toolGroup));
    this.grid.dataset.cells = count;
  }

  makeCell(toolGroup) {
    const { engine, archive } = this;
    const cell = new Cell({ engine, archive, toolGroup, id: `cell-${this.serial++}`, number: this.cells.length + 1 });
    const { element } = cell;
    for (const name of ["focusin", "pointerdown"]) element.addEventListener(name, () => this.activate(this.cells.indexOf(cell)), true);
    element.addEventListener("pointerdown", () => element.focus({ preventScroll: true }));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes(DRAGGED)) return;
      event.preventDefault();
      element.classList.add("is-target");
    });
    element.addEventListener("dragleave", () => element.classList.remove("is-target"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("is-target");
      const series = this.find(event.dataTransfer.getData(DRAGGED));
      if (series) this.open(series, { cell });
    });
    cell.addEventListener("image", () => cell === this.active && this.changed("image"));
    cell.addEventListener("shown", () => this.changed("shown"));
    this.grid.append(element);
    return cell;
  }

  activate(index) {
    if (index < 0 || !this.cells[index]) return;
    const isNew = this.activeIndex !== index || !this.cells[index].element.classList.contains("is-active");
    this.activeIndex = index;
    for (const [at, cell] of this.cells.entries()) cell.element.classList.toggle("is-active", at === index);
    if (!isNew) return;
    this.drawReferences();
    this.changed("active");
  }

  /** To the viewport beside, with the keyboard's focus. */
  step(by) {
    const index = (this.activeIndex + by + this.cells.length) % this.cells.length;
    this.activate(index);
    this.cells[index].element.focus();
  }

  // Series

  find(uid) {
    for (const study of this.studies) {
      const found = study.series.find((series) => series.uid === uid);
      if (found) return found;
    }
    return null;
  }

  /** What a series holds. @returns {Promise<import("./study.js").DisplaySet[]>} */
  async sets(series) {
    if (!this.loaded.has(series.uid)) {
      const datasets = await this.archive.metadata(series.study, series.uid);
      this.loaded.set(series.uid, displaySets(series.study, series.uid, datasets));
    }
    return this.loaded.get(series.uid);
  }

  /** Show a series in the active viewport, or in another. */
  async open(series, { cell = this.active, set = 0 } = {}) {
    if (this.isMpr) {
      this.leaveMpr(true);
      cell = this.active;
    }
    this.cine.stop();
    const token = (cell.opening = Symbol("open"));
    cell.clear();
    cell.say(t("Loading …"));
    cell.wanted = series.uid;
    this.changed("series", { series });
    try {
      const found = await this.sets(series);
      if (token !== cell.opening) return;
      if (!found.length) throw new Failed(t("This series holds no instance any more."));
      this.changed("sets", { series, sets: found });
      await cell.show(found[set] ?? found[0]);
    } catch (error) {
      if (token !== cell.opening) return;
      cell.say(error instanceof Failed ? error.message : t("This series cannot be shown; see the browser's console."));
      cell.notice.classList.add("is-bad");
      if (!(error instanceof Failed)) throw error;
    }
    this.drawReferences();
    this.changed("image");
  }

  /** Series that are in view. */
  get shownSeries() {
    return new Set(this.cells.map((cell) => cell.set?.series ?? cell.wanted).filter(Boolean));
  }

  // Pictures

  get presets() {
    const { active } = this;
    const isGrey = active?.viewport && !active.isDrawnByServer && all(active.set.instances[0], "00280002")[0] !== 3;
    return isGrey ? presetsOf(active.set.instances[0], active.set.modality) : [];
  }

  usePreset(index) {
    const preset = this.presets[index];
    if (preset) this.active.setWindow(preset);
  }

  toggleKey() {
    const cell = this.active;
    if (!cell.isStack) return;
    say(toggleKeyImage(cell.imageId) ? t("Marked as key image") : t("No key image any more"));
    cell.imageChanged();
  }

  toKey(step) {
    const cell = this.active;
    if (!cell.isStack) return;
    const at = nextKeyImage(cell.viewport.getImageIds(), cell.index, step);
    if (at !== null) cell.goTo(at);
    else say(t("No key image in this stack"));
  }

  chooseTool(name) {
    this.tools.choose(name);
    this.changed("tool");
  }

  removeMeasurement(isAll) {
    if (isAll) removeMeasurements();
    else removeMeasurement();
    this.engine.render();
  }

  reset() {
    this.active.reset();
    this.engine.render();
  }

  toggleOverlays() {
    this.grid.classList.toggle("without-overlays");
    this.changed("overlays");
  }

  toggleReferences() {
    this.areReferencesOn = !this.areReferencesOn;
    this.drawReferences();
    this.changed("references");
  }

  drawReferences() {
    const { active } = this;
    const isPossible = this.areReferencesOn && active?.isStack && this.cells.filter((cell) => cell.isStack).length > 1;
    this.tools.referenceLines(isPossible ? active.id : null);
  }

  // Planes

  get mayMpr() {
    return this.isMpr || Boolean(this.active?.isStack && !this.active.isDrawnByServer && isVolume(this.active.set));
  }

  async toggleMpr() {
    if (this.isMpr) return this.leaveMpr(true);
    if (!this.mayMpr) return say(t("The shown series is no volume"));
    const { set } = this.active;
    this.before = { layout: this.layout, set };
    this.cine.stop();
    for (const cell of this.cells.splice(0)) cell.destroy();
    this.isMpr = true;
    this.place(1, PLANES.length, PLANES.length, this.tools.planes);
    this.activate(0);
    this.changed("layout");
    try {
      await showPlanes(set, this.cells, this.archive);
    } catch (error) {
      if (this.isMpr) for (const cell of this.cells) cell.showError(error);
    }
    this.changed("image");
    return undefined;
  }

  leaveMpr(isRestored) {
    const { layout, set } = this.before;
    this.isMpr = false;
    if (this.tools.chosen === "crosshairs") this.chooseTool("window");
    for (const cell of this.cells.splice(0)) cell.destroy();
    this.activeIndex = 0;
    if (!isRestored) return;
    this.setLayout(layout);
    this.active.show(set);
  }
}
