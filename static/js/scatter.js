// The overview's scatter: reads its state from the page, draws, and keeps the URL in step.

import { fieldOf, passing } from "./filters.js";
import { CONFIG, styleOf } from "./palette.js";
import { NAMING, neededFields, placed, scatterLayout, scatterTraces } from "./scatter-figure.js";
import { countText, formFilters, inDataUnits, keptParams, viewParams, withWindow } from "./scatter-state.js";

const data = JSON.parse(document.getElementById("scatter-data").textContent);
const axes = Object.fromEntries(data.axes.map((axis) => [axis.name, axis]));
const view = { ...data.view, filters: data.view.filters.map((pair) => [...pair]) };
const element = document.getElementById("scatter");
const countLine = document.getElementById("scatter-count");
const form = document.getElementById("scatter-form");
const windowButton = document.getElementById("scatter-window");
const resetButton = document.getElementById("scatter-reset");
const narrowScreen = matchMedia("(max-width: 600px)");
// For drawing, rounded; for filters, with all digits: a latent must not pass here and fail in the table.
const columns = {};
const exactly = {};
let drawing = Promise.resolve();

async function fetchColumns(names, into = columns) {
  const missing = [...new Set(names)].filter((name) => !(name in into));
  if (!missing.length && "index" in into) return;
  const query = new URLSearchParams({ sae: view.sae, fields: missing.toSorted().join(",") });
  if (into === exactly) query.set("exact", "1");
  const response = await fetch(`${data.points_url}?${query}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  const answer = await response.json();
  Object.assign(into, { index: Array.from({ length: answer.n }, (_, row) => row) }, answer.columns);
}

async function drawNow() {
  await fetchColumns(neededFields(view).filter((name) => name !== "index"));
  if (view.filters.length) await fetchColumns(view.filters.map(([parameter]) => fieldOf(parameter)), exactly);
  const rows = passing(view.filters, exactly, columns.index.length);
  const drawn = placed(rows, columns, view, axes);
  const traces = scatterTraces(drawn, columns, view, axes, narrowScreen.matches);
  const layout = scatterLayout(view, axes, data.null.q95, styleOf(element), narrowScreen.matches);
  await Plotly.react(element, traces, layout, CONFIG);
  countLine.textContent = countText(drawn.length, rows.length, columns.index.length);
  element.dataset.points = String(drawn.length);
  element.dataset.drawn = "true";
  if (!NAMING.every((name) => name in columns)) await nameNow(drawn);
}

/** Labels take as long as all else: the points are there before them. */
async function nameNow(drawn) {
  await fetchColumns(NAMING);
  const texts = scatterTraces(drawn, columns, view, axes, narrowScreen.matches).map((trace) => trace.text);
  await Plotly.restyle(element, { text: texts });
  element.dataset.named = "true";
}

function draw() {
  // One after the other: a later call must not be overtaken by an earlier one that waits for its columns.
  drawing = drawing.then(drawNow).catch((error) => {
    countLine.textContent = `Points could not be loaded: ${error.message}`;
  });
  return drawing;
}

function writeUrl() {
  const query = viewParams(view, keptParams(location.search));
  history.replaceState(null, "", `${data.overview_url}?${query}`);
  for (const link of document.querySelectorAll("a[data-follow-query]")) {
    link.search = query;
  }
  const table = document.getElementById("scatter-table");
  table.search = new URLSearchParams([["sae", view.sae], ...view.filters]).toString();
  windowButton.hidden = !view.zoom;
  resetButton.hidden = !view.zoom && !view.filters.length;
}

function update() {
  element.removeAttribute("data-drawn");
  writeUrl();
  return draw();
}

/** The other SAE has other levels, other inputs and no hedging scores: the server makes that page. */
function changeSide(sae) {
  const query = new URLSearchParams([["sae", sae], ...keptParams(location.search)]);
  location.assign(`${data.overview_url}?${query}`);
}

function onFormChange(event) {
  const { name, value } = event.target;
  if (name === "sae") return changeSide(value);
  if (name === "x" || name === "y") view.zoom = null;
  if (name === "x" || name === "y" || name === "color") view[name] = value;
  else if (event.target.checkValidity()) view.filters = formFilters([...new FormData(form)]);
  return update();
}

function currentRange(axisName, field) {
  return inDataUnits(element.layout[axisName].range, axes[field]);
}

function onRelayout(change) {
  const keys = Object.keys(change);
  if (!keys.some((key) => /^[xy]axis/.test(key))) return;
  const reset = keys.some((key) => key.endsWith("autorange"));
  view.zoom = reset ? null : [...currentRange("xaxis", view.x), ...currentRange("yaxis", view.y)];
  writeUrl();
}

function filterToWindow() {
  const query = viewParams({ ...view, filters: withWindow(view), zoom: null }, keptParams(location.search));
  location.assign(`${data.overview_url}?${query}`);
}

function openLatent(event) {
  const url = `${data.overview_url}/${view.sae}/${event.points[0].customdata}`;
  const apart = event.event.ctrlKey || event.event.metaKey || document.querySelector("base[target=_blank]");
  if (apart) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

form.addEventListener("change", onFormChange);
form.addEventListener("submit", (event) => event.preventDefault());
windowButton.addEventListener("click", filterToWindow);
resetButton.addEventListener("click", () => changeSide(view.sae));
document.documentElement.addEventListener("themechange", draw);
narrowScreen.addEventListener("change", draw);
windowButton.hidden = !view.zoom;
resetButton.hidden = !view.zoom && !view.filters.length;
await draw();
element.on("plotly_click", openLatent);
element.on("plotly_relayout", onRelayout);
