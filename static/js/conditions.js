// The condition editor: rows for people over the JSON that is kept. Without this script the JSON is a text field.
const editor = document.querySelector("[data-conditions]");
const source = document.querySelector("[name=conditions]");
const LISTS = ["in", "between"];
const templates = Object.fromEntries(
  [...document.querySelectorAll("template[data-part]")].map((template) => [template.dataset.part, template.content]),
);

function make(part) {
  return templates[part].firstElementChild.cloneNode(true);
}

function kindOf(condition) {
  return [...make("group").querySelector("[data-kind]").options].map(({ value }) => value).find((kind) => kind in condition);
}

function rowOf(condition) {
  const row = make("comparison");
  row.querySelector("[data-attribute]").value = condition.attribute ?? "";
  row.querySelector("[data-operator]").value = condition.operator ?? "equals";
  const value = condition.value ?? "";
  row.querySelector("[data-value]").value = Array.isArray(value) ? value.join(", ") : String(value);
  adapt(row);
  return row;
}

function groupOf(condition) {
  const group = make("group");
  const kind = kindOf(condition);
  group.querySelector("[data-kind]").value = kind;
  fill(group.querySelector("[data-list]"), condition[kind]);
  return group;
}

function fill(list, conditions) {
  list.replaceChildren(...conditions.map((condition) => (kindOf(condition) ? groupOf(condition) : rowOf(condition))));
}

function adapt(row) {
  const operator = row.querySelector("[data-operator]").value;
  const value = row.querySelector("[data-value]");
  value.hidden = operator === "present";
  value.placeholder = { in: "CT, MR, PT", matches: "*thorax*", between: "1, 3" }[operator] ?? make("comparison").querySelector("[data-value]").placeholder;
}

function read(list) {
  return [...list.children].map((item) => {
    if (item.matches("[data-group]")) {
      return { [item.querySelector("[data-kind]").value]: read(item.querySelector("[data-list]")) };
    }
    const operator = item.querySelector("[data-operator]").value;
    const text = item.querySelector("[data-value]").value.trim();
    const condition = { attribute: item.querySelector("[data-attribute]").value.trim(), operator };
    if (LISTS.includes(operator)) condition.value = text.split(",").map((part) => part.trim()).filter(Boolean);
    else if (operator !== "present") condition.value = text;
    return condition;
  });
}

function write() {
  const root = editor.querySelector("[data-list]");
  source.value = JSON.stringify(read(root), null, 2);
  editor.querySelector("[data-none-yet]").hidden = root.children.length > 0;
}

function start() {
  try {
    const conditions = JSON.parse(source.value || "[]");
    if (!Array.isArray(conditions)) return;
    fill(editor.querySelector("[data-list]"), conditions);
  } catch {
    return; // what cannot be shown as rows stays text, with the server's explanation beside it
  }
  editor.hidden = false;
  source.hidden = true;
  const text = document.querySelector("[data-as-text=conditions]");
  text.hidden = false;
  text.addEventListener("click", () => {
    source.hidden = !source.hidden;
    text.setAttribute("aria-expanded", String(!source.hidden));
  });
  write();
}

if (editor) {
  editor.addEventListener("input", (event) => {
    const row = event.target.closest("[data-comparison]");
    if (row) adapt(row);
    write();
  });
  editor.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-do]");
    if (!button) return;
    if (button.dataset.do === "remove") {
      button.closest("[data-comparison], [data-group]").remove();
    } else {
      const home = button.closest("[data-group]") ?? editor;
      const part = button.dataset.do === "add-group" ? groupOf({ any: [{}] }) : rowOf({});
      home.querySelector("[data-list]").append(part);
      part.querySelector("[data-attribute]").focus();
    }
    write();
  });
  source.addEventListener("change", () => {
    try {
      fill(editor.querySelector("[data-list]"), JSON.parse(source.value || "[]"));
    } catch {
      // half-typed JSON: the rows stay as they were until it can be read
    }
  });
  start();
}
