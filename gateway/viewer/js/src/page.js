// What the page says, and what its two scripts share: the archive with its answers, and what is shown first.
import { archive as archiveAt } from "./dicomweb.js";

const WITHOUT_PIXELS = ["SR", "PR", "KO", "DOC", "RTSTRUCT", "RTPLAN", "SEG", "REG", "ECG"];

export const config = JSON.parse(document.getElementById("viewer-config").textContent);
for (const study of config.studies) for (const series of study.series) series.study = study.uid;
export const archive = archiveAt(config.dicomweb);
export const grid = document.getElementById("grid");
/** The first series with pixels; the largest of the first few would surprise whoever knows the order of the protocol. */
export const first = firstOf(config.studies.flatMap((study) => study.series));

function firstOf(all) {
  return all.find((series) => !WITHOUT_PIXELS.includes(series.modality)) ?? all[0] ?? null;
}
