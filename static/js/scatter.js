// The overview's scatter: reads its state from the page, draws, and keeps the URL in step.

import { fieldOf, fieldsOf, passing } from "./filters.js";
import { count } from "./format.js";
import { config, styleOf } from "./palette.js";
import { cardOf, showCard, showRing } from "./scatter-card.js";
import { NAMING, drawnRows, neededFields, placed, scatterLayout, scatterTraces, showsChance } from "./scatter-figure.js";
import { showChips, showForm } from "./scatter-form.js";
import { TABLE_ROWS, facetCounts, showFacets, showHistograms, showTable, withFacet } from "./scatter-linked.js";
import { Points } from "./scatter-points.js";
import { plotlyFrom, screenOf } from "./scatter-screen.js";
import { drawnShape } from "./scatter-select.js";
import { chipsOf, countText, formFilters, inDataUnits, keptParams, viewParams, withLasso, withWindow } from "./scatter-state.js";

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("scatter-data").textContent);
const axes = Object.fromEntries(data.axes.map((axis) => [axis.name, axis]));
const view = { ...data.view, filters: data.view.filters.map((pair) => [...pair]) };
const element = byId("scatter");
const countLine = byId("scatter-count");
const form = byId("scatter-form");
const facetLists = document.querySelectorAll("[data-facets]");
const screen = screenOf();
const plotly = plotlyFrom(data.plotly_url);
const points = new Points(data.points_url, view.sae);
let dragmode = screen.narrow ? "pan" : "zoom";
let drawing = Promise.resolve();
let shownSearch = location.search;
let isFirst = true;
let isListening = false;

async function drawNow() {
  const [columns] = await Promise.all([
    points.rounded(neededFields(view)),
    view.filters.length ? points.exact(view.filters.flatMap(fieldsOf)) : undefined,
  ]);
  const search = await points.searched(view.q);
  const rows = search(passing(view.filters, points.exactly, columns.index.length));
  const withPlace = placed(rows, columns, view, axes);
  const drawn = drawnRows(withPlace, screen);
  const traces = scatterTraces(drawn, columns, view, axes, screen);
  const layout = scatterLayout(view, axes, data.chance, styleOf(element), screen.narrow, dragmode);
  const { react } = await plotly;
  await react(element, traces, layout, config(`${data.name}-${view.sae}-${view.x}-${view.y}`, screen));
  listen();
  const grey = traces.length > 1 ? traces[0].x.length : 0;
  countLine.textContent = countText(withPlace.length, rows.length, columns.index.length, { grey, drawn: drawn.length });
  element.dataset.points = String(drawn.length);
  element.dataset.drawn = "true";
  await showLinked(rows, search);
}

/** Plotly gives the element its events with the first plot. */
function listen() {
  if (isListening) return;
  isListening = true;
  element.on("plotly_click", openLatent);
  element.on("plotly_relayout", onRelayout);
  element.on("plotly_selected", onSelected);
  element.on("plotly_hover", ({ points: [point] }) => onHover(point.customdata, placeOf(point.customdata)));
  element.on("plotly_unhover", onUnhover);
  performance.mark("scatter-drawn");
}

/** What follows the plot: it needs labels, and after a change the counts of facets. */
async function showLinked(rows, search) {
  const columns = await points.rounded(NAMING);
  showHistograms(byId("scatter-histograms"), columns, rows, view, axes);
  showTable(byId("scatter-rows"), columns, rows, view, { axes, overview_url: data.overview_url });
  const colour = axes[view.color].title;
  byId("scatter-rows-title").textContent =
    rows.length > TABLE_ROWS ? `The ${TABLE_ROWS} with the highest ${colour}, of ${count(rows.length)}` : `${count(rows.length)} latents by ${colour}`;
  if (!isFirst && facetLists.length) {
    const exactly = await points.exact([...data.facets, ...view.filters.flatMap(fieldsOf)]);
    showFacets(facetLists, facetCounts(data.facets, view.filters, exactly, search), view, urlOf);
  }
  isFirst = false;
  element.dataset.linked = "true";
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
  byId("scatter-window").hidden = !view.zoom;
  byId("scatter-filters").hidden = !view.filters.length && !view.q;
  byId("scatter-view").hidden = !view.zoom && !view.size && ["x", "y", "color"].every((name) => view[name] === data.usual[name]);
  byId("scatter-chance").hidden = !showsChance(view, data.chance);
  const search = view.q ? [["q", view.q]] : [];
  const query = new URLSearchParams([["sae", view.sae], ...view.filters, ...search]);
  for (const link of document.querySelectorAll("[data-scatter-table]")) link.search = query.toString();
  showChips(byId("scatter-chips"), chipsOf(view, data), urlOf, change);
}

function showChanged() {
  for (const mark of ["drawn", "linked"]) delete element.dataset[mark];
  showRing(byId("scatter-ring"), null);
  byId("scatter-card").hidden = true;
  showForm(form, view);
  for (const link of document.querySelectorAll("a[data-follow-query]")) link.search = location.search;
  shownSearch = location.search;
  showState();
  return draw();
}

/** Show another state of the same plot, as a new step in the URL, so that Back undoes it. */
function change(changes) {
  Object.assign(view, changes);
  history.pushState({ ...view }, "", urlOf(view));
  return showChanged();
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
  if (event.target.id === "scatter-drag") {
    dragmode = value;
    return draw();
  }
  if (name === "sae") return changeSide(value);
  if (name === "x" || name === "y") return change({ [name]: value, zoom: null });
  if (name === "color" || name === "size") return change({ [name]: value });
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
  history.pushState({ ...view }, "", urlOf(view));
  for (const link of document.querySelectorAll("a[data-follow-query]")) link.search = location.search;
  shownSearch = location.search;
  showState();
}

function onSelected(event) {
  const { xaxis, yaxis } = element._fullLayout;
  const shape = drawnShape(event, xaxis, yaxis);
  if (!shape) return;
  const filters = shape.window ? withWindow(view, shape.window) : withLasso(view, shape.corners);
  change({ filters, zoom: null });
}

function openLatent(event) {
  const url = `${data.overview_url}/${view.sae}/${event.points[0].customdata}`;
  const apart = event.event.ctrlKey || event.event.metaKey || document.querySelector("base[target=_blank]");
  if (apart) window.open(url, "_blank", "noopener");
  else location.assign(url);
}

/** Where a latent is drawn, in pixels of the plot; null where it is not. */
function placeOf(row) {
  const { xaxis, yaxis } = element._fullLayout;
  const [x, y] = [points.columns[view.x][row], points.columns[view.y][row]];
  if (x === null || y === null) return null;
  const place = [xaxis._offset + xaxis.d2p(x), yaxis._offset + yaxis.d2p(y)];
  return place.every(Number.isFinite) ? place : null;
}

function onHover(row, place) {
  showCard(byId("scatter-card"), cardOf(row, points.columns, view, axes), place);
  for (const one of document.querySelectorAll("#scatter-rows [data-row]")) one.classList.toggle("lit", one.dataset.row === String(row));
}

function onUnhover() {
  byId("scatter-card").hidden = true;
  for (const one of document.querySelectorAll("#scatter-rows .lit")) one.classList.remove("lit");
}

form.addEventListener("change", onFormChange);
form.addEventListener("submit", (event) => event.preventDefault());
byId("scatter-window").addEventListener("click", () => change({ filters: withWindow(view), zoom: null }));
byId("scatter-filters").addEventListener("click", () => change({ filters: [], q: "" }));
byId("scatter-view").addEventListener("click", () => change({ ...data.usual, size: "", zoom: null }));
for (const list of facetLists) {
  list.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-facet]");
    if (!chosen || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    change(withFacet(view, chosen.dataset.facet, chosen.dataset.value));
  });
}
for (const kind of ["pointerover", "focusin"]) {
  byId("scatter-rows").addEventListener(kind, (event) => {
    const row = event.target.closest("[data-row]")?.dataset.row;
    showRing(byId("scatter-ring"), row === undefined ? null : placeOf(Number(row)));
  });
}
byId("scatter-rows").addEventListener("pointerleave", () => showRing(byId("scatter-ring"), null));
document.documentElement.addEventListener("themechange", draw);
matchMedia("(max-width: 600px)").addEventListener("change", draw);
history.replaceState({ ...view }, "");
addEventListener("popstate", ({ state }) => {
  // A jump within the page is no step of the plot.
  if (location.search === shownSearch) return undefined;
  if (!state) return location.reload();
  Object.assign(view, state);
  return showChanged();
});
showState();
// A link to a view leads to the plot; the plain address of the comparison to its answer.
const isView = [...new URLSearchParams(location.search).keys()].some((name) => !["embed", "theme"].includes(name));
if (isView && !location.hash) byId("explore")?.scrollIntoView();
await draw();
