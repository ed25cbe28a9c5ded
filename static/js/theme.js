// Applies the chosen theme and density before the first paint; loaded in the head, before anything is drawn.
(() => {
  const root = document.documentElement;
  // What is chosen by buttons [data-set-<name>]; what is no choice at all is the first time's, and the system's theme is a good one.
  const FIRST = { theme: "system", density: "compact" };

  function read(name) {
    try {
      return localStorage.getItem(`gantry-${name}`) || FIRST[name];
    } catch {
      return FIRST[name]; // storage may be closed to this page
    }
  }

  function apply(name, value) {
    if (value === "system") delete root.dataset[name];
    else root.dataset[name] = value;
  }

  function mark(name, value) {
    for (const button of document.querySelectorAll(`[data-set-${name}]`)) {
      button.setAttribute("aria-pressed", String(button.getAttribute(`data-set-${name}`) === value));
    }
  }

  function each(act) {
    for (const name of Object.keys(FIRST)) act(name, read(name));
  }

  each(apply);
  document.addEventListener("DOMContentLoaded", () => each(mark));
  document.addEventListener("click", (event) => {
    for (const name of Object.keys(FIRST)) {
      const value = event.target.closest(`[data-set-${name}]`)?.getAttribute(`data-set-${name}`);
      if (!value) continue;
      try {
        localStorage.setItem(`gantry-${name}`, value);
      } catch {
        // not kept, but applied to this page
      }
      apply(name, value);
      mark(name, value);
    }
  });
  addEventListener("storage", () => {
    each(apply);
    each(mark);
  });
})();
