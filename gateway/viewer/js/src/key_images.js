// Key images: kept in this browser until its tab is closed; they are no DICOM objects, and nobody else sees them.
const KEY = "gantry-key-images";

function read() {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
  } catch {
    return new Set(); // storage may be closed to this page
  }
}

function plain(imageId) {
  return imageId?.replace(/^drawn:/, "").replace(/^wadors:/, "");
}

/** @param {string|undefined} imageId */
export function isKeyImage(imageId) {
  return Boolean(imageId) && read().has(plain(imageId));
}

/** Mark it, or take the mark away; returns whether it has one now. */
export function toggleKeyImage(imageId) {
  const found = read();
  const id = plain(imageId);
  const isKey = !found.delete(id);
  if (isKey) found.add(id);
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...found]));
  } catch {
    return false;
  }
  return isKey;
}

/** The index of the next key image of a stack, round its end; null when there is none. */
export function nextKeyImage(ids, index, step) {
  const found = read();
  for (let away = 1; away <= ids.length; away++) {
    const at = (index + step * away + ids.length * 2) % ids.length;
    if (found.has(plain(ids[at]))) return at;
  }
  return null;
}
