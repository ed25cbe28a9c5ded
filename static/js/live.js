// What htmx asks and when: live parts rest while nobody looks or while somebody is choosing in them; addresses stay short.
const body = document.body;

function rests(part) {
  return document.hidden || part.querySelector("input:checked") || part.contains(document.activeElement);
}

body.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (part.matches("[data-live]") && rests(part)) event.preventDefault();
});

// What was unfolded stays unfolded and what was scrolled stays where it is, when a part is replaced by its next state.
const FOLDED = "details:not(.menu)";
const SCROLLED = ".table-scroll";

function stateOf(part) {
  return {
    open: [...part.querySelectorAll(FOLDED)].map((each) => each.open),
    left: [...part.querySelectorAll(SCROLLED)].map((each) => each.scrollLeft),
  };
}

function restore(part, { open, left }) {
  const folded = part.querySelectorAll(FOLDED);
  const scrolled = part.querySelectorAll(SCROLLED);
  // Parts that are more or fewer than before are others.
  if (folded.length === open.length) folded.forEach((each, at) => (each.open = open[at]));
  if (scrolled.length === left.length) scrolled.forEach((each, at) => (each.scrollLeft = left[at]));
}

let before = null;

body.addEventListener("htmx:beforeSwap", ({ detail: { target, requestConfig } }) => {
  const isRenewal = requestConfig.elt.matches("[data-live]") && target.id;
  before = isRenewal ? { id: target.id, state: stateOf(target) } : null;
});

body.addEventListener("htmx:afterSwap", () => {
  const part = before && document.getElementById(before.id);
  if (part) restore(part, before.state);
});

// What asks for itself again and again says so: it is not somebody at work, and keeps no session alive.
body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt.matches("[hx-trigger*=every]")) event.detail.headers["X-Poll"] = "1";
});

// Empty filters say nothing, so they do not go into the address.
body.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get") return;
  const { formData } = event.detail;
  for (const name of new Set(formData.keys())) {
    const values = formData.getAll(name).filter((value) => value !== "");
    formData.delete(name);
    for (const value of values) formData.append(name, value);
  }
});

body.addEventListener("htmx:sendError", () => body.classList.add("is-offline"));
body.addEventListener("htmx:afterOnLoad", () => body.classList.remove("is-offline"));

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "look");
});
