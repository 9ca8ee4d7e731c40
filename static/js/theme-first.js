// Runs before the page is painted, so that the chosen theme does not flash. `?theme=` wins over the stored choice.
(() => {
  const asked = new URLSearchParams(location.search).get("theme");
  let stored = null;
  try {
    stored = localStorage.getItem("theme");
  } catch {
    // Storage may be blocked, for instance inside an iframe: the system's theme it is.
  }
  const theme = asked ?? stored;
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
