// Rows of the study list: chosen in ranges with Shift, without a word to the filters whose form is around them; unfolded
// to what htmx brings at the first time, and folded again.
let last = null;

// A box of the other form inside the filters' form is no filter: what is typed there asks for the list anew, a box must not.
document.addEventListener(
  "input",
  (event) => {
    const around = event.target.closest("#filters");
    if (around && event.target.form !== around) event.stopPropagation();
  },
  true,
);

document.addEventListener("click", (event) => {
  if (!event.target.matches("[data-choose]")) return;
  const boxes = [...document.querySelectorAll("[data-choose]")];
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(event.target)].sort((one, other) => one - other);
  if (event.shiftKey && from >= 0) {
    for (const box of boxes.slice(from, to + 1)) box.checked = event.target.checked;
    event.target.dispatchEvent(new Event("change", { bubbles: true }));
  }
  last = event.target;
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-unfold]");
  if (!button) return;
  const isOpen = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(isOpen));
  const glance = button.closest("tr").nextElementSibling;
  if (glance?.matches("[data-glance]")) glance.hidden = !isOpen;
});

// A row that was folded again before its answer came stays folded. It is as wide as the columns that are shown: one more
// than there are would take its width from the others.
document.addEventListener("htmx:afterSwap", () => {
  for (const glance of document.querySelectorAll("[data-glance]")) {
    const row = glance.previousElementSibling;
    glance.cells[0].colSpan = [...row.cells].filter((cell) => cell.offsetParent).length;
    glance.hidden = row.querySelector("[data-unfold]").getAttribute("aria-expanded") !== "true";
  }
});
