// Pictures that the server draws (WADO-RS rendered), for transfer syntaxes that no decoder of the browser knows.
import { imageLoader, metaData, utilities } from "@cornerstonejs/core";
import { ask } from "./dicomweb.js";

const SCHEME = "drawn";

/** Register loader and metadata of `drawn:wadors:<address of the frame>`. */
export function registerDrawnByServer() {
  imageLoader.registerImageLoader(SCHEME, (imageId) => ({ promise: load(imageId), cancelFn: undefined }));
  metaData.addProvider(metadataOf, 10_000);
}

function stored(imageId) {
  return imageId.slice(SCHEME.length + 1);
}

function metadataOf(type, imageId) {
  if (typeof imageId !== "string" || !imageId.startsWith(`${SCHEME}:`)) return undefined;
  const found = metaData.get(type, stored(imageId));
  if (type === "imagePixelModule") {
    const { rows, columns } = found ?? {};
    return {
      rows, columns, samplesPerPixel: 3, photometricInterpretation: "RGB",
      bitsAllocated: 8, bitsStored: 8, highBit: 7, pixelRepresentation: 0, planarConfiguration: 0,
    };
  }
  if (type === "voiLutModule") return { windowCenter: [128], windowWidth: [256] };
  if (type === "modalityLutModule") return { rescaleIntercept: 0, rescaleSlope: 1 };
  return found;
}

async function load(imageId) {
  const answer = await ask(`${stored(imageId).replace(/^wadors:/, "")}/rendered`, "image/png, image/jpeg");
  const bitmap = await createImageBitmap(await answer.blob());
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    pixels[to++] = data[from];
    pixels[to++] = data[from + 1];
    pixels[to++] = data[from + 2];
  }
  const plane = metaData.get("imagePlaneModule", imageId) ?? {};
  return {
    imageId,
    dataType: "Uint8Array",
    minPixelValue: 0,
    maxPixelValue: 255,
    slope: 1,
    intercept: 0,
    windowCenter: 128,
    windowWidth: 256,
    rows: height,
    columns: width,
    height,
    width,
    color: true,
    rgba: false,
    invert: false,
    numberOfComponents: 3,
    columnPixelSpacing: plane.columnPixelSpacing ?? 1,
    rowPixelSpacing: plane.rowPixelSpacing ?? 1,
    sizeInBytes: pixels.length,
    getPixelData: () => pixels,
    getCanvas: () => canvas,
    imageFrame: { photometricInterpretation: "RGB" },
    voxelManager: utilities.VoxelManager.createImageVoxelManager({
      width, height, scalarData: pixels, numberOfComponents: 3,
    }),
  };
}
