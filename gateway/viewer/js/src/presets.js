// Window presets: those that the object brings along, then the usual ones of its modality.
import { all, numbers } from "./values.js";
import { t } from "./words.js";

const CT = [
  [t("Soft tissue"), 400, 40],
  [t("Lung"), 1500, -600],
  [t("Bone"), 2500, 480],
  [t("Brain"), 80, 40],
  [t("Stroke"), 40, 40],
  [t("Mediastinum"), 350, 50],
  [t("Liver"), 150, 90],
  [t("Angiography"), 600, 300],
];
const BY_MODALITY = { CT };

/**
 * @typedef {{words: string, width: number, center: number}} Preset
 * @param {import("./values.js").Dataset} dataset
 * @param {string} modality
 * @returns {Preset[]}
 */
export function presetsOf(dataset, modality) {
  const [centers, widths, names] = [numbers(dataset, "00281050"), numbers(dataset, "00281051"), all(dataset, "00281055")];
  const own = centers
    .map((center, index) => ({ words: names[index] || (centers.length > 1 ? `${t("Stored")} ${index + 1}` : t("Stored")), width: widths[index], center }))
    .filter(({ width }) => width > 0);
  return [...own.slice(0, 4), ...(BY_MODALITY[modality] ?? []).map(([words, width, center]) => ({ words, width, center }))];
}
