// One viewport: a stack, a plane of a volume, or an object without pixels, with its corners, slider and notices.
import { Enums, eventTarget, imageLoader, utilities } from "@cornerstonejs/core";
import { h, icon } from "./dom.js";
import { Failed, words } from "./dicomweb.js";
import { datasetOf, imageIds } from "./engine.js";
import { isKeyImage } from "./key_images.js";
import { objectPanel } from "./objects.js";
import { Overlay, windowOf } from "./overlay.js";
import { Prefetch } from "./prefetch.js";
import { middleOf } from "./study.js";
import { numbers, text } from "./values.js";
import { t } from "./words.js";

const { Events, OrientationAxis, ViewportType } = Enums;

const PLANE_WORDS = {
  [OrientationAxis.AXIAL]: t("axial"),
  [OrientationAxis.SAGITTAL]: t("sagittal"),
  [OrientationAxis.CORONAL]: t("coronal"),
};

/** A place of the layout. */
export class Cell extends EventTarget {
  /**
   * @param {{engine: import("@cornerstonejs/core").RenderingEngine, archive: any, id: string, number: number,
   *   toolGroup: any}} parts
   */
  constructor({ engine, archive, id, number, toolGroup }) {
    super();
    Object.assign(this, { engine, archive, id, number, toolGroup });
    this.set = null;
    this.isDrawnByServer = false;
    this.overlay = new Overlay();
    this.picture = h("div", { class: "picture" });
    this.slider = h("input", { class: "slider", type: "range", min: 0, max: 0, value: 0, "aria-label": t("Image of viewport {number}", { number }), hidden: true });
    this.bar = h("div", { class: "bar" });
    this.notice = h("div", { class: "notice", hidden: true });
    this.object = h("div", { class: "object", hidden: true });
    this.element = h(
      "div",
      { class: "cell", role: "group", tabindex: 0, "aria-label": t("Viewport {number}", { number }), "data-cell": number },
      this.picture, this.overlay.element, this.slider, h("div", { class: "progress", "aria-hidden": "true" }, this.bar), this.object, this.notice,
    );
    this.prefetch = new Prefetch((loaded, total) => this.showProgress(loaded, total));
    this.slider.addEventListener("input", () => this.goTo(Number(this.slider.value)));
    this.onError = (event) => this.isMine(event.detail?.imageId) && this.showError(event.detail.error, event.detail.imageId);
    eventTarget.addEventListener(Events.IMAGE_LOAD_ERROR, this.onError);
    for (const name of [Events.STACK_NEW_IMAGE, Events.VOLUME_NEW_IMAGE]) this.picture.addEventListener(name, () => this.imageChanged());
    for (const name of [Events.VOI_MODIFIED, Events.CAMERA_MODIFIED]) this.picture.addEventListener(name, () => this.viewChanged());
    this.picture.addEventListener(Events.IMAGE_RENDERED, () => this.rendered());
    this.say(t("Choose a series at the left, or drag one here."));
  }

  /** The viewport of Cornerstone, null for an object or nothing. */
  get viewport() {
    return this.mode ? this.engine.getViewport(this.id) : null;
  }

  get isStack() {
    return this.mode === "stack";
  }

  isMine(imageId) {
    return Boolean(imageId && this.isStack && this.viewport?.hasImageId?.(imageId));
  }

  /** Show a display set; its middle picture first. @param {import("./study.js").DisplaySet} set */
  async show(set, { isDrawnByServer = !set.isDecodedHere, index = null } = {}) {
    this.clear();
    this.set = set;
    this.isDrawnByServer = isDrawnByServer;
    this.element.setAttribute("aria-label", t("Viewport {number}: {series}", { number: this.number, series: set.words }));
    if (!set.frames.length) return this.showObject();
    this.say(t("Loading …"));
    const token = (this.token = Symbol("show"));
    try {
      const ids = await imageIds(set, this.archive, isDrawnByServer);
      if (token !== this.token) return;
      const middle = index ?? middleOf(ids.length);
      imageLoader.loadAndCacheImage(ids[middle]).catch(() => undefined); // fetched and decoded while WebGL makes ready
      this.enable("stack", { type: ViewportType.STACK });
      this.overlay.showStudy(set.instances[0]);
      this.slider.max = ids.length - 1;
      this.slider.hidden = ids.length < 2;
      await this.viewport.setStack(ids, middle);
      if (token !== this.token) return;
      this.viewport.render();
      this.imageChanged();
      this.prefetch.begin(ids, middle);
    } catch (error) {
      if (token === this.token) this.showError(error);
    }
  }

  /** Show one plane of a volume. @param {string} volumeId @param {string} orientation of Enums.OrientationAxis */
  async showPlane(set, volumeId, orientation) {
    this.clear();
    this.set = set;
    this.plane = orientation;
    this.enable("volume", { type: ViewportType.ORTHOGRAPHIC, defaultOptions: { orientation } });
    this.overlay.showStudy(set.instances[0]);
    this.element.setAttribute("aria-label", t("Viewport {number}: {plane} plane of {series}", { number: this.number, plane: PLANE_WORDS[orientation], series: set.words }));
    await this.viewport.setVolumes([{ volumeId }]);
    this.viewport.render();
    this.slider.hidden = false;
    this.imageChanged();
  }

  enable(mode, options) {
    this.mode = mode;
    this.notice.hidden = true;
    this.picture.hidden = false;
    this.engine.enableElement({ viewportId: this.id, element: this.picture, ...options });
    this.toolGroup.addViewport(this.id, this.engine.id);
  }

  clear() {
    this.token = null;
    this.plane = "";
    this.prefetch.stop();
    this.showProgress(0, 0);
    if (this.mode) {
      this.toolGroup.removeViewports(this.engine.id, this.id);
      this.engine.disableElement(this.id);
    }
    this.mode = null;
    this.set = null;
    this.object.hidden = this.notice.hidden = this.slider.hidden = true;
    this.picture.hidden = true;
    this.overlay.clear();
    delete this.element.dataset.shown;
  }

  destroy() {
    this.clear();
    eventTarget.removeEventListener(Events.IMAGE_LOAD_ERROR, this.onError);
    this.element.remove();
  }

  showObject() {
    this.object.hidden = false;
    this.object.replaceChildren(objectPanel(this.set, this.archive));
    this.element.dataset.shown = "object";
    this.dispatchEvent(new Event("image"));
  }

  // Where in the stack

  get count() {
    return this.viewport?.getNumberOfSlices?.() ?? 0;
  }

  get index() {
    return this.isStack ? this.viewport.getTargetImageIdIndex() : this.viewport?.getSliceIndex?.() ?? 0;
  }

  /** The address of the picture that is shown. */
  get imageId() {
    return this.viewport?.getCurrentImageId?.();
  }

  get dataset() {
    const id = this.imageId;
    return (id && datasetOf(id)) || this.set?.instances[0];
  }

  goTo(index) {
    const { viewport } = this;
    if (!viewport) return;
    utilities.scroll(viewport, { delta: index - this.index, debounceLoading: false, volumeId: viewport.getVolumeId?.() });
  }

  scroll(delta) {
    const { viewport } = this;
    if (viewport && this.count > 1) utilities.scroll(viewport, { delta, debounceLoading: false, volumeId: viewport.getVolumeId?.() });
  }

  // How it looks

  setWindow({ width, center }) {
    const { lower, upper } = utilities.windowLevel.toLowHighRange(width, center);
    this.viewport?.setProperties({ voiRange: { lower, upper } });
    this.viewport?.render();
  }

  get window() {
    return windowOf(this.viewport?.getProperties?.()?.voiRange);
  }

  changeWindow(width, level) {
    const { window } = this;
    if (window) this.setWindow({ width: Math.max(1, window.width * width), center: window.center + window.width * level });
  }

  invert() {
    const { viewport } = this;
    viewport?.setProperties({ invert: !viewport.getProperties().invert });
    viewport?.render();
  }

  rotate(degrees = 90) {
    const { viewport } = this;
    if (!viewport) return;
    viewport.setViewPresentation({ ...viewport.getViewPresentation(), rotation: (viewport.getViewPresentation().rotation + degrees + 360) % 360 });
    viewport.render();
  }

  flip(axis) {
    const { viewport } = this;
    if (!viewport) return;
    const { flipHorizontal = false, flipVertical = false } = viewport.getCamera();
    viewport.setCamera(axis === "horizontal" ? { flipHorizontal: !flipHorizontal } : { flipVertical: !flipVertical });
    viewport.render();
  }

  zoomBy(factor) {
    const { viewport } = this;
    viewport?.setZoom(viewport.getZoom() * factor);
    viewport?.render();
  }

  panBy(x, y) {
    const { viewport } = this;
    if (!viewport) return;
    const [left, top] = viewport.getPan();
    viewport.setPan([left + x, top + y]);
    viewport.render();
  }

  reset() {
    const { viewport } = this;
    if (!viewport) return;
    viewport.resetProperties();
    viewport.resetCamera();
    viewport.setViewPresentation?.({ ...viewport.getViewPresentation(), rotation: 0, flipHorizontal: false, flipVertical: false });
    viewport.render();
  }

  // What is told

  rendered() {
    if (!this.viewport || this.element.dataset.shown) return;
    if (this.isStack && !this.viewport.getCornerstoneImage?.()) return;
    this.element.dataset.shown = this.mode;
    performance.mark("gantry-drawn");
    this.dispatchEvent(new Event("shown"));
  }

  imageChanged() {
    if (!this.viewport || !this.set) return;
    const { index, count } = this;
    this.notice.hidden = true;
    this.slider.max = Math.max(0, count - 1);
    this.slider.value = index;
    this.slider.setAttribute("aria-valuetext", t("{number} of {count}", { number: index + 1, count }));
    this.prefetch.moved(index);
    this.overlay.showImage({
      dataset: this.isStack ? this.dataset : undefined,
      index, count,
      isKey: this.isStack && isKeyImage(this.imageId),
      isDrawnByServer: this.isDrawnByServer,
      plane: PLANE_WORDS[this.plane],
    });
    this.viewChanged();
    this.dispatchEvent(new Event("image"));
  }

  viewChanged() {
    const { viewport } = this;
    if (!viewport || !this.set) return;
    const isGrey = text(this.dataset, "00280004").startsWith("MONOCHROME") && !this.isDrawnByServer;
    const unit = this.set.modality === "CT" ? "HU" : "";
    this.overlay.showView(isGrey ? this.window : null, viewport.getZoom?.() ?? 1, unit);
    try {
      this.overlay.showEdges(viewport, numbers(this.dataset, "00200037").length === 6);
    } catch {
      // before its first picture a viewport knows no place
    }
  }

  showProgress(loaded, total) {
    this.bar.style.width = total && loaded < total ? `${(100 * loaded) / total}%` : "0";
    this.element.dataset.loaded = loaded;
  }

  say(message) {
    this.notice.hidden = false;
    this.notice.className = "notice";
    this.notice.removeAttribute("role");
    this.notice.replaceChildren(h("p", {}, message));
  }

  /** In place, with what to do; the other pictures of the stack can still be reached. */
  showError(error, imageId) {
    const status = error?.status ?? error?.error?.status;
    const isNoAnswer = error instanceof XMLHttpRequest || status !== undefined;
    const message = error instanceof Failed ? error.message : isNoAnswer ? words(status) : t("This picture cannot be decoded here.");
    const again = () => this.show(this.set, { isDrawnByServer: this.isDrawnByServer, index: this.isStack ? this.index : null });
    const drawn = () => this.show(this.set, { isDrawnByServer: true, index: this.isStack ? this.index : null });
    const mayDraw = this.set?.frames.length && !this.isDrawnByServer && !isNoAnswer && !(error instanceof Failed);
    this.notice.hidden = false;
    this.notice.className = "notice is-bad";
    this.notice.setAttribute("role", "alert");
    this.notice.replaceChildren(
      h("p", {}, icon("alert"), ` ${message}`),
      h("div", { class: "buttons" },
        h("button", { class: "button compact", type: "button", onclick: again }, icon("retry"), ` ${t("Try again")}`),
        mayDraw && h("button", { class: "button compact", type: "button", onclick: drawn }, t("Let the server draw it"))),
    );
    this.element.dataset.failed = imageId ?? "";
  }
}
