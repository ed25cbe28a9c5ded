// From a series' metadata to what is shown in a viewport: stacks of frames, and objects without pixels.
import { kindOf, isDecodedHere } from "./kinds.js";
import { number, numbers, text } from "./values.js";
import { t } from "./words.js";

/**
 * @typedef {object} DisplaySet
 * @property {string} id
 * @property {string} study Study Instance UID
 * @property {string} series Series Instance UID
 * @property {string} modality
 * @property {string} words what a person calls it
 * @property {import("./kinds.js").Kind} kind
 * @property {import("./values.js").Dataset[]} instances in the order in which they are shown
 * @property {{dataset: import("./values.js").Dataset, frame: number}[]} frames one per picture; empty for an object
 * @property {boolean} isDecodedHere
 * @property {number} rate frames a second that the object asks for, 0 when it does not
 */

/**
 * @param {string} study
 * @param {string} series
 * @param {import("./values.js").Dataset[]} datasets
 * @returns {DisplaySet[]} stacks first
 */
export function displaySets(study, series, datasets) {
  const stacks = new Map();
  const single = [];
  for (const dataset of datasets) {
    const kind = kindOf(dataset);
    const frames = number(dataset, "00280008") ?? 1;
    if (kind.name !== "image" || frames > 1) {
      single.push(set(study, series, [dataset], kind, frames));
      continue;
    }
    // A localizer beside its axial slices is another size or colour more often than not: a stack is of one kind.
    const key = ["00280010", "00280011", "00280002"].map((tag) => number(dataset, tag)).join("x") + isDecodedHere(dataset);
    stacks.set(key, [...(stacks.get(key) ?? []), dataset]);
  }
  const found = [...stacks.values()].map((each) => set(study, series, inOrder(each), { name: "image", words: t("Image") }, 1));
  single.sort((one, other) => byNumber(one.instances[0], other.instances[0]));
  return [...found, ...single];
}

/** The index of the picture that a stack of so many begins with. */
export function middleOf(count) {
  return Math.floor((count - 1) / 2);
}

function set(study, series, instances, kind, frames) {
  const [first] = instances;
  const isImage = kind.name === "image";
  return {
    id: `${series}/${text(first, "00080018")}`,
    study,
    series,
    modality: text(first, "00080060"),
    words: text(first, "0008103E") || kind.words,
    kind,
    instances,
    frames: !isImage ? [] : frames > 1
      ? Array.from({ length: frames }, (_, index) => ({ dataset: first, frame: index + 1 }))
      : instances.map((dataset) => ({ dataset, frame: 1 })),
    isDecodedHere: isDecodedHere(first),
    rate: number(first, "00180040") || number(first, "00082144") || (number(first, "00181063") ? 1000 / number(first, "00181063") : 0),
  };
}

function byNumber(one, other) {
  return (number(one, "00200013") ?? 0) - (number(other, "00200013") ?? 0);
}

/** By Instance Number; where that says nothing, along the normal of the slices. */
function inOrder(datasets) {
  const known = new Set(datasets.map((dataset) => number(dataset, "00200013")));
  if (known.size === datasets.length && !known.has(null)) return datasets.sort(byNumber);
  const normal = normalOf(datasets[0]);
  const along = (dataset) => {
    const position = numbers(dataset, "00200032");
    return normal && position.length === 3 ? dot(normal, position) : number(dataset, "00201041") ?? 0;
  };
  return datasets.sort((one, other) => byNumber(one, other) || along(one) - along(other));
}

function normalOf(dataset) {
  const [a, b, c, d, e, f] = numbers(dataset, "00200037");
  return f === undefined ? null : [b * f - c * e, c * d - a * f, a * e - b * d];
}

function dot(one, other) {
  return one.reduce((sum, value, index) => sum + value * other[index], 0);
}

/**
 * Whether the slices make a volume: parallel, evenly placed, grey, at least five.
 * @param {DisplaySet} set
 */
export function isVolume(set) {
  if (!set.isDecodedHere || set.frames.length < 5 || set.instances.length !== set.frames.length) return false;
  const [first] = set.instances;
  if (number(first, "00280002") !== 1 || !numbers(first, "00280030").length) return false;
  const normal = normalOf(first);
  if (!normal) return false;
  const places = [];
  for (const dataset of set.instances) {
    const [own, position] = [normalOf(dataset), numbers(dataset, "00200032")];
    if (!own || position.length !== 3 || dot(own, normal) < 0.999) return false;
    places.push(dot(position, normal));
  }
  places.sort((one, other) => one - other);
  const gaps = places.slice(1).map((place, index) => place - places[index]);
  const least = Math.min(...gaps);
  return least > 0.01 && Math.max(...gaps) < least * 2.5;
}
