// The overview's scatter: reads its state from the page, draws, and keeps the URL in step.

import { fieldOf, passing } from "./filters.js";
import { config, styleOf } from "./palette.js";
import { NAMING, drawnRows, neededFields, placed, scatterLayout, scatterTraces, showsChance } from "./scatter-figure.js";
import { showChips, showForm } from "./scatter-form.js";
import { plotlyFrom, screenOf } from "./scatter-screen.js";
import { chipsOf, countText, formFilters, inDataUnits, keptParams, viewParams, withWindow } from "./scatter-state.js";

const data = JSON.parse(document.getElementById("scatter-data").textContent);
const axes = Object.fromEntries(data.axes.map((axis) => [axis.name, axis]));
const view = { ...data.view, filters: data.view.filters.map((pair) => [...pair]) };
const element = document.getElementById("scatter");
const countLine = document.getElementById("scatter-count");
const form = document.getElementById("scatter-form");
const windowButton = document.getElementById("scatter-window");
const filtersButton = document.getElementById("scatter-filters");
const viewButton = document.getElementById("scatter-view");
const screen = screenOf();
const plotly = plotlyFrom(data.plotly_url);
// For drawing, rounded; for filters, with all digits: a latent must not pass here and fail in the table.
const columns = {};
const exactly = {};
const found = {};
let drawing = Promise.resolve();
let shownSearch = location.search;

async function fetchJson(query) {
  const response = await fetch(`${data.points_url}?${new URLSearchParams({ sae: view.sae, ...query })}`);
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return response.json();
}

async function fetchColumns(names, into = columns) {
  const missing = [...new Set(names)].filter((name) => !(name in into));
  if (!missing.length && "index" in into) return;
  const exact = into === exactly ? { exact: "1" } : {};
  const answer = await fetchJson({ fields: missing.sort().join(","), ...exact });
  Object.assign(into, { index: Array.from({ length: answer.n }, (_, row) => row) }, answer.columns);
}

/** The rows that the search finds; what a search means, only the server knows. */
async function searched(rows) {
  if (!view.q) return rows;
  found[view.q] ??= new Set((await fetchJson({ q: view.q })).columns.index);
  return rows.filter((row) => found[view.q].has(columns.index[row]));
}

async function drawNow() {
  await fetchColumns(neededFields(view).filter((name) => name !== "index"));
  if (view.filters.length) await fetchColumns(view.filters.map(([parameter]) => fieldOf(parameter)), exactly);
  const rows = await searched(passing(view.filters, exactly, columns.index.length));
  const withPlace = placed(rows, columns, view, axes);
  const drawn = drawnRows(withPlace, screen);
  const traces = scatterTraces(drawn, columns, view, axes, screen);
  const layout = scatterLayout(view, axes, data.chance, styleOf(element), screen.narrow);
  const { react } = await plotly;
  await react(element, traces, layout, config(`${data.name}-${view.sae}-${view.x}-${view.y}`, screen));
  const grey = traces.length > 1 ? traces[0].x.length : 0;
  countLine.textContent = countText(withPlace.length, rows.length, columns.index.length, { grey, drawn: drawn.length });
  element.dataset.points = String(drawn.length);
  element.dataset.drawn = "true";
  if (!NAMING.every((name) => name in columns)) await nameNow(drawn);
}

/** Labels take as long as all else: the points are there before them. */
async function nameNow(drawn) {
  await fetchColumns(NAMING);
  const texts = scatterTraces(drawn, columns, view, axes, screen).map((trace) => trace.text);
  const { restyle } = await plotly;
  await restyle(element, { text: texts });
  element.dataset.named = "true";
}

function draw() {
  // One after the other: a later call must not be overtaken by an earlier one that waits for its columns.
  drawing = drawing.then(drawNow).catch((error) => {
    countLine.textContent = `Points could not be loaded: ${error.message}`;
  });
  return drawing;
}

function urlOf(shown) {
  return `${data.overview_url}?${viewParams(shown, keptParams(location.search))}`;
}

function showState() {
  windowButton.hidden = !view.zoom;
  filtersButton.hidden = !view.filters.length && !view.q;
  viewButton.hidden = !view.zoom && ["x", "y", "color"].every((name) => view[name] === data.usual[name]);
  document.getElementById("scatter-chance").hidden = !showsChance(view, data.chance);
  const search = view.q ? [["q", view.q]] : [];
  const query = new URLSearchParams([["sae", view.sae], ...view.filters, ...search]);
  document.getElementById("scatter-table").search = query.toString();
  showChips(document.getElementById("scatter-chips"), chipsOf(view, data), urlOf, change);
}

/** Keep the state in the URL as a new step, so that Back undoes it. */
function writeUrl() {
  const url = urlOf(view);
  history.pushState(null, "", url);
  shownSearch = location.search;
  for (const link of document.querySelectorAll("a[data-follow-query]")) link.search = url.split("?")[1];
  showState();
}

/** Show another state of the same plot. */
function change(changes) {
  Object.assign(view, changes);
  element.removeAttribute("data-drawn");
  showForm(form, view);
  writeUrl();
  return draw();
}

/** The other SAE has other levels, other inputs and no hedging scores: the server makes that page. */
function changeSide(sae) {
  const kept = view.filters.filter(([name]) => data.common.includes(fieldOf(name)));
  const search = view.q ? [["q", view.q]] : [];
  const query = [["sae", sae], ["x", view.x], ["y", view.y], ...kept, ...search, ...keptParams(location.search)];
  location.assign(`${data.overview_url}?${new URLSearchParams(query)}`);
}

function onFormChange(event) {
  const { name, value } = event.target;
  if (name === "sae") return changeSide(value);
  if (name === "x" || name === "y") return change({ [name]: value, zoom: null });
  if (name === "color") return change({ color: value });
  return event.target.checkValidity() ? change({ filters: formFilters([...new FormData(form)]) }) : undefined;
}

function currentRange(axisName, field) {
  return inDataUnits(element.layout[axisName].range, axes[field]);
}

function onRelayout(changed) {
  const keys = Object.keys(changed);
  if (!keys.some((key) => /^[xy]axis/.test(key))) return;
  const reset = keys.some((key) => key.endsWith("autorange"));
  view.zoom = reset ? null : [...currentRange("xaxis", view.x), ...currentRange("yaxis", view.y)];
  writeUrl();
}

function openLatent(event) {
  const url = `${data.overview_url}/${view.sae}/${event.points[0].customdata}`;
  const apart = event.event.ctrlKey || event.event.metaKey || document.querySelector("base[target=_blank]");
  if (apart) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

form.addEventListener("change", onFormChange);
form.addEventListener("submit", (event) => event.preventDefault());
windowButton.addEventListener("click", () => change({ filters: withWindow(view), zoom: null }));
filtersButton.addEventListener("click", () => change({ filters: [], q: "" }));
viewButton.addEventListener("click", () => change({ ...data.usual, zoom: null }));
document.documentElement.addEventListener("themechange", draw);
matchMedia("(max-width: 600px)").addEventListener("change", draw);
// The server fills in the page of the step that Back leads to; a jump within the page is not one.
addEventListener("popstate", () => {
  if (location.search !== shownSearch) location.reload();
});
showState();
// A link to a view leads to the plot; the plain address of the comparison to its answer.
const isView = [...new URLSearchParams(location.search).keys()].some((name) => !["embed", "theme"].includes(name));
if (isView && !location.hash) document.getElementById("explore")?.scrollIntoView();
await draw();
if (element.on) {
  element.on("plotly_click", openLatent);
  element.on("plotly_relayout", onRelayout);
}
