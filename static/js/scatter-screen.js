// What the browser can draw with, and Plotly itself, which is 5 MB and therefore waits for the page.

function hasWebgl() {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
}

/** What the plot has to know of the screen. */
export function screenOf() {
  return {
    webgl: hasWebgl(),
    get narrow() { return matchMedia("(max-width: 600px)").matches; },
    touch: matchMedia("(hover: none)").matches,
  };
}

/** Plotly, fetched once the page has been painted. */
export async function plotlyFrom(url) {
  await new Promise((painted) => { requestAnimationFrame(() => setTimeout(painted)); });
  if (!globalThis.Plotly) await import(url);
  return globalThis.Plotly;
}
