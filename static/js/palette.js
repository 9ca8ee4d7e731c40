// Colours of plots in the current theme. Text and grid come from the style sheet.

import { isDark } from "./theme-state.js";

const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b"];

/** Viridis, distinct with any colour vision: higher values stand out more from the background. */
export function sequential(dark = isDark()) {
  const colours = dark ? VIRIDIS.slice(1) : [...VIRIDIS].reverse();
  return colours.map((colour, place) => [place / (colours.length - 1), colour]);
}

/** The colours and the font that the style sheet gives an element. */
export function styleOf(element) {
  const style = getComputedStyle(element);
  const family = getComputedStyle(document.body).fontFamily;
  return { text: style.color, grid: style.borderTopColor, surface: style.backgroundColor, family };
}

/** A figure's layout with font, grid and background of the theme; axes keep what they say themselves. */
export function themed(layout, { text, grid, surface, family }) {
  const font = { family, size: 12, color: text };
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, tickcolor: grid, zeroline: false };
  const hover = { bgcolor: surface, bordercolor: text, font: { ...font, size: 13 }, align: "left" };
  return {
    margin: { l: 50, r: 12, t: 10, b: 44 },
    showlegend: false,
    legend: { orientation: "h", x: 0, y: 1.02, xanchor: "left", yanchor: "bottom" },
    ...layout,
    font,
    paper_bgcolor: surface,
    plot_bgcolor: surface,
    hoverlabel: hover,
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
}

/** Options of a plot. Nothing leaves the page: Plotly's "Share chart…" would upload it to another company's cloud. */
export function config(filename, { touch }) {
  return {
    responsive: true,
    displaylogo: false,
    displayModeBar: touch ? false : "hover",
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["zoom2d", "pan2d", "select2d", "lasso2d", "autoScale2d", "sendChartToCloud"],
    toImageButtonOptions: { filename, scale: 2 },
  };
}
