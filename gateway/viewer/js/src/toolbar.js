// The toolbar: what the page's template has of buttons, wired, and kept in step with what is shown.
import { t } from "./words.js";

/** @param {import("./viewer.js").Viewer} viewer @param {Record<string, () => void>} actions by name of a button */
export function wireToolbar(viewer, actions) {
  const bar = document.getElementById("toolbar");
  const presets = bar.querySelector("[data-presets]");
  const rate = bar.querySelector("[data-rate]");
  const each = (selector, change) => bar.querySelectorAll(selector).forEach(change);

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button && !button.disabled) actions[button.dataset.do]?.();
  });
  bar.addEventListener("click", (event) => {
    const { tool, layout } = event.target.closest("button")?.dataset ?? {};
    if (tool) viewer.chooseTool(tool);
    if (layout) viewer.setLayout(layout);
  });
  presets.addEventListener("change", () => {
    viewer.usePreset(Number(presets.value));
    presets.value = "";
    viewer.active.element.focus();
  });

  function refresh({ detail = {} } = {}) {
    const cell = viewer.active;
    const isPicture = Boolean(cell?.viewport);
    each("[data-tool]", (button) => button.setAttribute("aria-pressed", String(button.dataset.tool === viewer.tools.chosen)));
    each("[data-layout]", (button) => button.setAttribute("aria-pressed", String(!viewer.isMpr && button.dataset.layout === viewer.layout)));
    each("[data-needs=picture]", (button) => (button.disabled = !isPicture));
    each("[data-needs=stack]", (button) => (button.disabled = !(cell?.isStack && cell.count > 1)));
    each("[data-do=mpr]", (button) => {
      button.disabled = !viewer.mayMpr;
      button.setAttribute("aria-pressed", String(viewer.isMpr));
    });
    each("[data-tool=crosshairs]", (button) => (button.hidden = !viewer.isMpr));
    each("[data-do=references]", (button) => button.setAttribute("aria-pressed", String(viewer.areReferencesOn)));
    each("[data-do=overlays]", (button) => button.setAttribute("aria-pressed", String(!viewer.grid.classList.contains("without-overlays"))));
    if (detail.what === "cine") {
      each("[data-do=cine]", (button) => button.setAttribute("aria-pressed", String(detail.isPlaying)));
      rate.textContent = detail.rate ? `${detail.rate}/s` : "";
      rate.parentElement.hidden = !detail.isPlaying;
    }
    if (detail.what !== "image" || presets.dataset.of !== cell?.set?.id) fillPresets();
  }

  function fillPresets() {
    const found = viewer.presets;
    presets.dataset.of = viewer.active?.set?.id ?? "";
    presets.disabled = !found.length;
    const option = (words, value) => Object.assign(document.createElement("option"), { textContent: words, value });
    presets.replaceChildren(
      option(t("Presets"), ""),
      ...found.map(({ words, width, center }, index) => option(`${index < 9 ? `${index + 1}  ` : ""}${words}  (${Math.round(width)} / ${Math.round(center)})`, index)),
    );
  }

  viewer.addEventListener("change", refresh);
  refresh();
}
