// The first picture as the server draws it, until the viewer has drawn it itself.
import { h } from "./dom.js";
import { numbers, text } from "./values.js";
import { t } from "./words.js";

const CLASS = "preview";

/**
 * @param {HTMLElement} grid
 * @param {ReturnType<import("./dicomweb.js").archive>} archive
 * @param {import("./study.js").DisplaySet} set
 * @param {number} index of the picture
 * @returns {Promise<void>} when it is there; it fails when it cannot be had
 */
export async function showPreview(grid, archive, set, index) {
  const { dataset, frame } = set.frames[index];
  const [down, across] = numbers(dataset, "00280030");
  if (down !== across) return; // a browser would draw it with square pixels
  const source = `${archive.rendered(set.study, set.series, text(dataset, "00080018"), frame)}?accept=image/png`;
  const picture = h("img", { src: source, alt: "" });
  await picture.decode();
  if (grid.dataset.drawn) return;
  grid.append(h("div", { class: CLASS, "aria-hidden": "true" }, picture, h("p", {}, t("Preview. The tools are being loaded …"))));
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  performance.mark("gantry-first-image"); // painted
}

/** The viewer shows something itself. */
export function endPreview(grid) {
  grid.dataset.drawn = "true";
  grid.querySelector(`.${CLASS}`)?.remove();
}
