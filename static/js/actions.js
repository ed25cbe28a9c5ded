// The editor of a rule's actions: rows for people over the JSON that is kept. Without this script the JSON is a text field.
const editor = document.querySelector("[data-actions]");
const source = document.querySelector("[name=actions]");
const templates = Object.fromEntries(
  [...document.querySelectorAll("template[data-action-part]")].map((each) => [each.dataset.actionPart, each.content]),
);

// How a field's value stands in its input, and how it is read back.
const FORMS = {
  text: { show: String, read: (text) => text },
  attribute: { show: String, read: (text) => text },
  list: {
    show: (values) => values.join(", "),
    read: (text) => text.split(",").map((part) => part.trim()).filter(Boolean),
  },
  table: {
    show: (table) => Object.entries(table).map(([old, value]) => `${old} = ${value}`).join(", "),
    read: (text) =>
      Object.fromEntries(
        text.split(",").filter((pair) => pair.includes("=")).map((pair) => {
          const [old, ...rest] = pair.split("=");
          return [old.trim(), rest.join("=").trim()];
        }),
      ),
  },
};

function put(field, value) {
  if (field.multiple) for (const option of field.options) option.selected = value.includes(option.value);
  else field.value = FORMS[field.dataset.form].show(value);
}

function take(field) {
  if (field.multiple) return [...field.selectedOptions].map(({ value }) => value);
  return field.value.trim() && FORMS[field.dataset.form].read(field.value.trim());
}

function rowOf(action) {
  const row = templates.action.firstElementChild.cloneNode(true);
  row.querySelector("[data-kind]").value = action.action;
  setKind(row, action);
  return row;
}

function setKind(row, values) {
  const kind = row.querySelector("[data-kind]").value;
  const fields = [...templates[kind].firstElementChild.cloneNode(true).children];
  for (const field of fields) if (field.dataset.field in values) put(field, values[field.dataset.field]);
  row.querySelector("[data-fields]").replaceChildren(...fields);
}

function readRow(row) {
  const action = { action: row.querySelector("[data-kind]").value };
  for (const field of row.querySelectorAll("[data-field]")) {
    const value = take(field);
    if (value.length !== 0) action[field.dataset.field] = value;
  }
  return action;
}

function read() {
  return [...editor.querySelectorAll("[data-action]")].map(readRow);
}

// Only what a row gives back as it was may be shown in it: the rest stays text.
function isShowable(action) {
  if (action.action === "action" || !(action.action in templates)) return false;
  const entries = (values) => JSON.stringify(Object.entries(values).filter(([, value]) => value.length !== 0).sort());
  return entries(readRow(rowOf(action))) === entries(action);
}

function write() {
  const actions = read();
  source.value = JSON.stringify(actions, null, 2);
  editor.querySelector("[data-none-yet]").hidden = actions.length > 0;
}

function fill() {
  const actions = JSON.parse(source.value || "[]");
  if (!Array.isArray(actions) || !actions.every(isShowable)) return false;
  editor.querySelector("[data-list]").replaceChildren(...actions.map(rowOf));
  return true;
}

function start() {
  try {
    if (!fill()) return;
  } catch {
    return; // what cannot be shown as rows stays text, with the server's explanation beside it
  }
  editor.hidden = false;
  source.hidden = true;
  const text = document.querySelector("[data-as-text=actions]");
  text.hidden = false;
  text.addEventListener("click", () => {
    source.hidden = !source.hidden;
    text.setAttribute("aria-expanded", String(!source.hidden));
  });
  write();
}

if (editor) {
  editor.addEventListener("input", (event) => {
    if (event.target.matches("[data-kind]")) setKind(event.target.closest("[data-action]"), {});
    write();
  });
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (!button) return;
    if (button.dataset.do === "remove") {
      button.closest("[data-action]").remove();
    } else {
      const row = rowOf({ action: "set" });
      editor.querySelector("[data-list]").append(row);
      row.querySelector("[data-kind]").focus();
    }
    write();
  });
  source.addEventListener("change", () => {
    try {
      // What the rows cannot show takes their place, until it is gone again.
      editor.hidden = !fill();
      if (!editor.hidden) write();
    } catch {
      // half-typed JSON: the rows stay as they were until it can be read
    }
  });
  start();
}
