// Keys: / to search, j and k through the rows, Enter opens (rows are links), x chooses a row, o and the arrows unfold and
// fold it, g and a letter goes to a section, ? for help.
const SECTIONS = { d: "dashboard", s: "study-list", q: "delivery-list", t: "destination-list", r: "rule-list", a: "span-search" };
const SEARCH = "#search";
const studies = document.querySelector("[data-section=study-list]");
let isGoing = false;

function rows() {
  return [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent);
}

function step(by) {
  const all = rows();
  if (!all.length) return;
  const current = document.activeElement.closest("tr")?.querySelector("[data-row]") ?? document.activeElement;
  const index = all.indexOf(current);
  const next = index < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(index + by, 0), all.length - 1);
  all[next].focus();
  all[next].scrollIntoView({ block: "nearest" });
}

function inRow(selector) {
  return document.activeElement.closest("tbody tr")?.querySelector(selector);
}

function unfold(isOpen) {
  const button = inRow("[data-unfold]");
  if (!button || button.getAttribute("aria-expanded") === String(isOpen)) return false;
  button.click();
  return true;
}

// Where a page has no field to search in, that of the studies has.
function search() {
  const field = document.querySelector("[data-search]");
  if (field) field.focus();
  else if (studies) location.assign(`${studies.href}${SEARCH}`);
}

const ACTIONS = {
  "/": search,
  j: () => step(1),
  k: () => step(-1),
  x: () => inRow("[data-choose]")?.click(),
  o: () => inRow("[data-unfold]")?.click(),
  "?": () => document.getElementById("keys").showModal(),
  g: () => {
    isGoing = true;
    setTimeout(() => (isGoing = false), 1200);
  },
};

function isTyping(target) {
  return target.isContentEditable || target.matches("textarea, select, input:not([type=checkbox], [type=radio])");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (isGoing && SECTIONS[event.key]) {
    document.querySelector(`[data-section="${SECTIONS[event.key]}"]`)?.click();
    return;
  }
  if (ACTIONS[event.key]) {
    event.preventDefault();
    ACTIONS[event.key]();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    // Where there is nothing to unfold, the arrows scroll as ever.
    if (unfold(event.key === "ArrowRight")) event.preventDefault();
  }
});

if (location.hash === SEARCH) search();

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-open-keys]")) document.getElementById("keys").showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close();
});
