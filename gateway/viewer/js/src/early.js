// What need not wait for the viewer's own script, which a browser reads for half a second: the attributes of the first
// series are asked for, its first picture is shown as the server draws it, and the graphics processor is woken.
import { h } from "./dom.js";
import { archive, config, first, grid } from "./page.js";
import { endPreview, showPreview } from "./preview.js";
import { displaySets, middleOf } from "./study.js";
import { t } from "./words.js";

// The viewer's script keeps the browser busy once it runs; the preview has so long to come before.
const AHEAD_MILLISECONDS = 600;

// Whoever shows the series itself says what is wrong with it.
const previewed = first ? preview().catch(() => undefined) : Promise.resolve();
await Promise.race([previewed, new Promise((resolve) => setTimeout(resolve, AHEAD_MILLISECONDS))]);
try {
  await import(config.main);
} catch (error) {
  endPreview(grid); // no picture without tools that looks as if they were to come
  grid.replaceChildren(h("p", { class: "notice is-bad" }, t("The viewer's script could not be loaded. Reload this page.")));
  throw error;
}

async function preview() {
  const [set] = displaySets(first.study, first.uid, await archive.metadata(first.study, first.uid));
  if (!set?.frames.length) return;
  const shown = showPreview(grid, archive, set, middleOf(set.frames.length));
  document.createElement("canvas").getContext("webgl2"); // its first answer takes long, here and later
  await shown;
}
