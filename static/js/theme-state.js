// Which theme is shown. No side effects: this module may be loaded under several URLs.

const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : system.matches;
}
