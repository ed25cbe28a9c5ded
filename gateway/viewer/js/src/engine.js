// Cornerstone, set up once: loaders, decoders in workers, tools, and what each picture's metadata is.
import {
  RenderingEngine,
  cache,
  cornerstoneStreamingImageVolumeLoader,
  imageRetrievalPoolManager,
  init as initCore,
  metaData,
  volumeLoader,
  Enums,
} from "@cornerstonejs/core";
import { init as initTools, annotation } from "@cornerstonejs/tools";
import dicomImageLoader from "@cornerstonejs/dicom-image-loader";
import { registerDrawnByServer } from "./drawn_by_server.js";
import { bytes } from "./dicomweb.js";
import { numbers, text } from "./values.js";

const CACHE_BYTES = 1536 << 20;
export const REQUESTS_AT_ONCE = 4;

/** Make ready; quick, for nothing is loaded yet. @param {string} wasm where the codecs are */
export function start(wasm) {
  initCore({ rendering: { webGlContextCount: 1 } }); // each takes time to make, and pictures are drawn in turn
  dicomImageLoader.init({
    wasmBasePath: wasm,
    maxWebWorkers: Math.max(1, Math.min(4, (navigator.hardwareConcurrency || 2) - 1)),
    useLegacyMetadataProvider: true,
    strict: false,
  });
  initTools();
  registerDrawnByServer();
  volumeLoader.registerVolumeLoader("cornerstoneStreamingImageVolume", cornerstoneStreamingImageVolumeLoader);
  cache.setMaxCacheSize(CACHE_BYTES);
  imageRetrievalPoolManager.setMaxSimultaneousRequests(Enums.RequestType.Prefetch, REQUESTS_AT_ONCE);
  imageRetrievalPoolManager.grabDelay = 0;
  setStyle(annotation.config.style);
  return new RenderingEngine("gantry");
}

// Colours of measurements by state, legible on grey; Cornerstone has a property for each state and mode.
const COLOURS = { Highlighted: "rgb(120, 220, 255)", Selected: "rgb(120, 220, 255)", Locked: "rgb(190, 190, 190)" };

function setStyle(style) {
  const { global } = style.getDefaultToolStyles();
  const styles = { ...global, textBoxFontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace", textBoxFontSize: "12px", lineWidth: "1.5" };
  for (const name of Object.keys(styles).filter((each) => /^(textBoxC|c)olor/.test(each))) {
    styles[name] = Object.entries(COLOURS).find(([state]) => name.includes(state))?.[1] ?? "rgb(255, 214, 90)";
  }
  style.setDefaultToolStyles({ global: styles });
}

/**
 * The addresses of a display set's pictures, in order, with their metadata registered.
 * @param {import("./study.js").DisplaySet} set
 * @param {ReturnType<import("./dicomweb.js").archive>} archive
 * @param {boolean} isDrawnByServer
 * @returns {Promise<string[]>}
 */
export async function imageIds(set, archive, isDrawnByServer) {
  if (set.frames[0].dataset["00280004"]?.Value?.[0] === "PALETTE COLOR" && !isDrawnByServer) await fillPalette(set);
  const ids = [];
  for (const { dataset, frame } of set.frames) {
    const sop = text(dataset, "00080018");
    const stored = `wadors:${archive.frame(set.study, set.series, sop, frame)}`;
    if (frame === 1) dicomImageLoader.wadors.metaDataManager.add(stored, dataset);
    ids.push(isDrawnByServer ? `drawn:${stored}` : stored);
  }
  return ids;
}

/** Attributes of the picture under an address, those of its frame included. */
export function datasetOf(imageId) {
  return dicomImageLoader.wadors.metaDataManager.get(imageId.replace(/^drawn:/, ""));
}

/** A module of Cornerstone's metadata. */
export function moduleOf(name, imageId) {
  return metaData.get(name, imageId) ?? {};
}

async function fillPalette(set) {
  for (const dataset of new Set(set.frames.map((each) => each.dataset))) {
    for (const [table, descriptor] of [["00281201", "00281101"], ["00281202", "00281102"], ["00281203", "00281103"]]) {
      if (numbers(dataset, table).length || !dataset[table]) continue;
      const found = await bytes(dataset, table);
      if (!found) continue;
      const isWide = numbers(dataset, descriptor)[2] === 16;
      const values = isWide ? new Uint16Array(found.slice().buffer, 0, found.length >> 1) : found;
      dataset[table] = { vr: "OW", Value: Array.from(values) };
    }
  }
}
