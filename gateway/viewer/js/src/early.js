// What need not wait for the viewer's own script, which a browser reads for half a second: the attributes of the first
// series are asked for, its first picture is shown as the server draws it, and the graphics processor is woken.
import { archive, config, first, grid } from "./page.js";
import { showPreview } from "./preview.js";
import { displaySets, middleOf } from "./study.js";

// The viewer's script keeps the browser busy once it runs; the preview has so long to come before.
const AHEAD_MILLISECONDS = 600;

// Whoever shows the series itself says what is wrong with it.
const previewed = first ? preview().catch(() => undefined) : Promise.resolve();
await Promise.race([previewed, new Promise((resolve) => setTimeout(resolve, AHEAD_MILLISECONDS))]);
import(config.main);

async function preview() {
  const [set] = displaySets(first.study, first.uid, await archive.metadata(first.study, first.uid));
  if (!set?.frames.length) return;
  const shown = showPreview(grid, archive, set, middleOf(set.frames.length));
  document.createElement("canvas").getContext("webgl2"); // its first answer takes long, here and later
  await shown;
}
