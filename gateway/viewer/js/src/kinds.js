// What kind of object an instance is: one that is drawn, or one that says what it is and offers its file.
import { number, text } from "./values.js";
import { t } from "./words.js";

const KINDS = [
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.88\./, "report", t("Structured report")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.104\.1$/, "pdf", t("PDF document")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.104\./, "file", t("Encapsulated document")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.9\./, "file", t("Waveform")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.481\.(1|2)$/, null, ""], // RT Image and RT Dose have pixels
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.481\.3$/, "file", t("RT structure set")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.481\.(5|8)$/, "file", t("RT plan")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.481\./, "file", t("Radiotherapy object")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.11\./, "file", t("Presentation state")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\.4$/, "file", t("Segmentation")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\./, "file", t("Registration or surface")],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.67$/, "file", t("Real world value mapping")],
];
const VIDEO = /^1\.2\.840\.10008\.1\.2\.4\.10[0-9]/;
// Transfer syntaxes for which the browser has a decoder (dicom-image-loader, decodeImageFrame).
const DECODED = new Set(
  [
    "1.2", "1.2.1", "1.2.2", "1.2.5", "1.2.4.50", "1.2.4.51", "1.2.4.57", "1.2.4.70", "1.2.4.80", "1.2.4.81", "1.2.4.90",
    "1.2.4.91", "1.2.4.201", "1.2.4.202", "1.2.4.203", "1.2.4.110", "1.2.4.111", "1.2.4.112", "1.2.1.98",
  ].map((end) => `1.2.840.10008.${end}`),
);

/**
 * @typedef {{name: "image"|"report"|"pdf"|"video"|"file", words: string}} Kind
 * @param {import("./values.js").Dataset} dataset
 * @returns {Kind}
 */
export function kindOf(dataset) {
  const sopClass = text(dataset, "00080016");
  const [, name, words] = KINDS.find(([pattern]) => pattern.test(sopClass)) ?? [];
  if (name) return { name, words };
  if (VIDEO.test(transferSyntax(dataset))) return { name: "video", words: t("Video") };
  if (number(dataset, "00280010") && number(dataset, "00280011")) return { name: "image", words: t("Image") };
  return { name: "file", words: t("Object without pixels") };
}

/** The stored transfer syntax (0008,3002); empty when the archive did not say it. */
export function transferSyntax(dataset) {
  return text(dataset, "00083002") || text(dataset, "00020010");
}

/** Whether the browser decodes its frames; otherwise the server draws them. */
export function isDecodedHere(dataset) {
  const syntax = transferSyntax(dataset);
  if (syntax && !DECODED.has(syntax)) return false;
  // Single bits, and integers of 32, of which a graphics card shows no more than 24.
  return [8, 16].includes(number(dataset, "00280100") ?? 8);
}
