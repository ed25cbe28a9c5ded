// Values of the DICOM JSON model (PS3.18 F.2), and how a person reads them.

/** @typedef {Record<string, {vr: string, Value?: any[], BulkDataURI?: string, InlineBinary?: string}>} Dataset */

/**
 * @param {Dataset|undefined} dataset
 * @param {string} tag eight hexadecimal digits
 * @returns {any[]} all values; none when the attribute is absent or empty
 */
export function all(dataset, tag) {
  return dataset?.[tag]?.Value ?? [];
}

/** The first value as a string; a name's alphabetic form. */
export function text(dataset, tag) {
  const [value] = all(dataset, tag);
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? personName(value.Alphabetic ?? value.Ideographic ?? value.Phonetic ?? "") : String(value);
}

/** The first value as a number, null when it is none. */
export function number(dataset, tag) {
  const [value] = all(dataset, tag);
  const found = value === null || value === undefined || value === "" ? NaN : Number(value);
  return Number.isFinite(found) ? found : null;
}

/** All values as numbers. */
export function numbers(dataset, tag) {
  return all(dataset, tag).map(Number).filter(Number.isFinite);
}

/** `Family^Given^Middle^Prefix^Suffix` as it is spoken (PS3.5 6.2.1). */
export function personName(value) {
  const [family = "", given = "", middle = "", prefix = "", suffix = ""] = String(value).split("=")[0].split("^");
  const rest = [prefix, given, middle, suffix].map((part) => part.trim()).filter(Boolean).join(" ");
  return [family.trim(), rest].filter(Boolean).join(", ");
}

/** A DA as year-month-day; what is no date stays as it is. */
export function date(value) {
  const found = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(value);
  return found ? `${found[1]}-${found[2]}-${found[3]}` : value;
}

/** A TM as hours and minutes. */
export function time(value) {
  const found = /^(\d{2}):?(\d{2})/.exec(value);
  return found ? `${found[1]}:${found[2]}` : value;
}

/** A number with as many digits as are worth reading. */
export function short(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}
