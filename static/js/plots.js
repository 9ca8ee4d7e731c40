// Draws the figures that the server built: each `[data-figure]` names the script element with its JSON.

import { CONFIG, sequential, styleOf, themed } from "./palette.js";

function traces(figure) {
  return figure.data.map((trace) => (trace.meta?.sequential ? { ...trace, colorscale: sequential() } : trace));
}

async function draw(element) {
  const figure = JSON.parse(document.getElementById(element.dataset.figure).textContent);
  await Plotly.react(element, traces(figure), themed(figure.layout, styleOf(element)), { ...CONFIG, displayModeBar: false });
  element.dataset.drawn = "true";
}

const elements = [...document.querySelectorAll("[data-figure]")];

function drawAll() {
  for (const element of elements) draw(element);
}

document.documentElement.addEventListener("themechange", drawAll);
drawAll();
