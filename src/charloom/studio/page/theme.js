/* Light, dark, or as the system has it: kept in this browser, set before anything is drawn. */
(() => {
  "use strict";
  const KEY = "charloom-theme";
  const NAMES = { auto: "automatic", light: "light", dark: "dark" };

  /** The theme that was chosen here; storage may be forbidden. */
  function chosen() {
    try {
      const theme = localStorage.getItem(KEY);
      return theme in NAMES ? theme : "auto";
    } catch {
      return "auto";
    }
  }

  function apply(theme) {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Colours: ${NAMES[theme]}`;
  }

  apply(chosen());
  addEventListener("DOMContentLoaded", () => {
    apply(chosen());
    document.getElementById("theme").addEventListener("click", () => {
      const themes = Object.keys(NAMES);
      const current = document.documentElement.dataset.theme;
      const next = themes[(themes.indexOf(current) + 1) % themes.length];
      try {
        localStorage.setItem(KEY, next);
      } catch {
        // It holds until the page is closed.
      }
      apply(next);
    });
  });
})();
