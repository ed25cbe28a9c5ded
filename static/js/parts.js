// Small parts: copy a UID, choose all rows, act only on a choice, ask before what cannot be undone, close menus.
const WORDS = JSON.parse(document.getElementById("words").textContent);
const DONE_MILLISECONDS = 1500;

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Off https and loopback there is no clipboard: select the text, so that Ctrl-C takes it.
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return;
  }
  button.classList.add("is-done");
  document.getElementById("status").textContent = WORDS.copied;
  setTimeout(() => button.classList.remove("is-done"), DONE_MILLISECONDS);
}

function countChosen(root) {
  for (const bar of root.querySelectorAll("[data-chosen-bar]")) {
    const boxes = [...bar.closest("form").querySelectorAll("[data-choose]")];
    const count = boxes.filter((box) => box.checked).length;
    // All that match, on other pages too: how many that are, the box says.
    const match = bar.querySelector("[data-choose-match]:checked")?.dataset.chooseMatch;
    for (const button of bar.querySelectorAll("[data-needs-choice]")) button.disabled = !count && !match;
    for (const words of bar.querySelectorAll("[data-chosen-count]")) words.textContent = match || count ? ` (${match ?? count})` : "";
    const all = bar.closest("form").querySelector("[data-choose-all]");
    if (all) {
      all.checked = count > 0 && count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
    }
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-choose-all]")) {
    for (const box of event.target.closest("form").querySelectorAll("[data-choose]")) box.checked = event.target.checked;
  }
  if (event.target.matches("[data-choose], [data-choose-all], [data-choose-match]")) countChosen(document);
  if (event.target.matches("[data-go-on-change]")) event.target.form.requestSubmit();
});

// A preset period and its pair of dates exclude each other: the one that was touched last counts.
const DATES = { period: ["study_date_from", "study_date_to"], received: ["received_from", "received_to"] };

function clear(field) {
  if (field instanceof RadioNodeList) for (const radio of field) radio.checked = !radio.value;
  else if (field) field.value = "";
}

document.addEventListener("input", ({ target: { form, name } }) => {
  for (const [preset, dates] of Object.entries(DATES)) {
    if (name === preset) for (const date of dates) clear(form.elements[date]);
    else if (dates.includes(name)) clear(form.elements[preset]);
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});

// A series without a picture keeps its place; a broken frame would say nothing.
document.addEventListener("error", ({ target }) => target.matches?.("[data-thumbnail]") && target.remove(), true);

document.addEventListener("htmx:load", () => countChosen(document));
countChosen(document);
