// The theme button. Plots listen for the `themechange` event of the document element.

import { isDark } from "./theme-state.js";

const root = document.documentElement;

function announce() {
  const button = document.getElementById("theme");
  if (button) {
    button.textContent = isDark() ? "Light theme" : "Dark theme";
    button.hidden = false;
  }
  root.dispatchEvent(new CustomEvent("themechange"));
}

function toggle() {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Storage may be blocked: the choice then lasts as long as the page.
  }
  announce();
}

document.getElementById("theme")?.addEventListener("click", toggle);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
announce();
