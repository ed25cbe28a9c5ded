// Applies the chosen theme before the first paint; loaded in the head, before anything is drawn.
(() => {
  const KEY = "gantry-theme";
  const root = document.documentElement;

  function read() {
    try {
      return localStorage.getItem(KEY) || "system";
    } catch {
      return "system"; // storage may be closed to this page; the system's theme is a good one
    }
  }

  function apply(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  function mark() {
    const theme = read();
    for (const button of document.querySelectorAll("[data-set-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setTheme === theme));
    }
  }

  apply(read());
  document.addEventListener("DOMContentLoaded", mark);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-set-theme]");
    if (!button) return;
    try {
      localStorage.setItem(KEY, button.dataset.setTheme);
    } catch {
      // not kept, but applied to this page
    }
    apply(button.dataset.setTheme);
    mark();
  });
  addEventListener("storage", () => {
    apply(read());
    mark();
  });
})();
