// Three planes through a volume (multiplanar reconstruction).
import { Enums, cache, volumeLoader } from "@cornerstonejs/core";
import { imageIds } from "./engine.js";

const { AXIAL, SAGITTAL, CORONAL } = Enums.OrientationAxis;
export const PLANES = [AXIAL, SAGITTAL, CORONAL];

/**
 * Show a display set in three cells; they fill while its slices come in.
 * @param {import("./study.js").DisplaySet} set
 * @param {import("./cell.js").Cell[]} cells three of them
 * @param {ReturnType<import("./dicomweb.js").archive>} archive
 */
export async function showPlanes(set, cells, archive) {
  const volumeId = `cornerstoneStreamingImageVolume:${set.id}`;
  const ids = await imageIds(set, archive, false);
  const volume = cache.getVolume(volumeId) ?? (await volumeLoader.createAndCacheVolume(volumeId, { imageIds: ids }));
  volume.load();
  await Promise.all(PLANES.map((plane, index) => cells[index].showPlane(set, volumeId, plane)));
}
