// Keys: one table of actions, editable in the sheet, kept in this browser.
import { h } from "./dom.js";
import { t } from "./words.js";

const STORED = "gantry-viewer-keys";

/** @typedef {{name: string, words: string, key: string, run: (event: KeyboardEvent) => void}} Action */

/** The keys of the page. */
export class Hotkeys {
  /** @param {Action[]} actions */
  constructor(actions) {
    this.actions = actions;
    this.own = read();
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  keyOf(action) {
    return this.own[action.name] ?? action.key;
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target.isContentEditable || target.matches("textarea, select, input:not([type=range], [type=checkbox])")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const pressed = nameOf(event);
    // A slider has its own arrows, a button its own Enter and space, a menu all of them.
    if (target.matches("input[type=range]") && /^(Arrow|Page|Home|End)/.test(pressed)) return;
    if (target.matches("button, summary, a") && [" ", "Space", "Enter"].includes(pressed)) return;
    const action = this.actions.find((each) => this.keyOf(each) === pressed);
    if (!action) return;
    event.preventDefault();
    action.run(event);
  }

  /** Open the sheet with every key; a click on one waits for its new one. */
  openSheet() {
    const dialog = document.getElementById("keys");
    this.fill(dialog);
    dialog.showModal();
  }

  fill(dialog) {
    const list = dialog.querySelector("[data-list]");
    list.replaceChildren(
      ...this.actions.map((action) =>
        h("div", { class: "key-row" }, h("span", {}, action.words), this.button(action, dialog))),
    );
    dialog.querySelector("[data-default-keys]").onclick = () => {
      this.own = {};
      write(this.own);
      this.fill(dialog);
    };
  }

  button(action, dialog) {
    const key = this.keyOf(action);
    const button = h("button", { type: "button", class: "key-button", "aria-label": t("Key for {action}: {key}. Press to change it.", { action: action.words, key: shown(key) || t("none") }) }, h("kbd", {}, shown(key) || "–"));
    button.addEventListener("click", () => {
      button.replaceChildren(h("kbd", {}, t("press a key")));
      button.addEventListener("keydown", (event) => this.rebind(action, event, dialog), { once: true });
      button.focus();
    });
    return button;
  }

  rebind(action, event, dialog) {
    event.preventDefault();
    event.stopPropagation();
    if (["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return this.fill(dialog);
    if (event.key !== "Escape") {
      const pressed = nameOf(event);
      for (const other of this.actions) if (this.keyOf(other) === pressed) this.own[other.name] = "";
      this.own[action.name] = pressed;
      write(this.own);
    }
    this.fill(dialog);
    [...dialog.querySelectorAll(".key-button")][this.actions.indexOf(action)]?.focus();
    return undefined;
  }
}

function nameOf(event) {
  if (event.key === " ") return "Space";
  const isNamed = event.key.length > 1;
  return isNamed && event.shiftKey ? `Shift+${event.key}` : event.key;
}

function shown(key) {
  return key.replace("Arrow", "").replace("Up", "↑").replace("Down", "↓").replace("Left", "←").replace("Right", "→").replace("Page↑", t("Page up")).replace("Page↓", t("Page down"));
}

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

function write(own) {
  try {
    localStorage.setItem(STORED, JSON.stringify(own));
  } catch {
    // not kept, but these keys hold until the page is left
  }
}
