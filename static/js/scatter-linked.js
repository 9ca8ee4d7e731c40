// Below the plot, and following it: histograms and a table of the latents that are shown, and the counts of facets.

import { fieldOf, passing } from "./filters.js";
import { UNDEFINED, count, ofSpec } from "./format.js";
import { drawable, rangeOf } from "./scatter-figure.js";

const SVG = "http://www.w3.org/2000/svg";
const BINS = 32;
const HEIGHT = 40;
export const TABLE_ROWS = 12;

/** How many latents fall into equal stretches of a field's whole range: all of them, and those of some rows. */
export function histogramOf(values, rows, axis, bins = BINS) {
  const [low, high] = rangeOf(values, axis);
  const binOf = (value) => {
    const place = (((axis.log ? Math.log10(value) : value) - low) / (high - low || 1)) * bins;
    return Math.min(bins - 1, Math.floor(place));
  };
  const [all, some] = [new Array(bins).fill(0), new Array(bins).fill(0)];
  for (const value of values) if (drawable(value, axis)) all[binOf(value)] += 1;
  for (const row of rows) if (drawable(values[row], axis)) some[binOf(values[row])] += 1;
  const [first, last] = [low, high].map((end) => (axis.log ? 10 ** end : end));
  const whole = axis.kind === "integer" ? Math.round : (end) => end;
  return { low: whole(first), high: whole(last), all, some };
}

/** Whether a row comes before another: larger values first, undefined ones last. */
function isBefore(value, other) {
  return value !== null && (other === null || value > other);
}

/** The rows with the largest values, largest first, undefined ones last, ties as they come. */
export function topRows(rows, values, most = TABLE_ROWS) {
  const top = [];
  for (const row of rows) {
    let place = top.length;
    while (place > 0 && isBefore(values[row], values[top[place - 1]])) place -= 1;
    if (place < most) top.splice(place, 0, row);
    if (top.length > most) top.pop();
  }
  return top;
}

/** Field -> `[value, count]`, most frequent first, of the latents that pass the filters on other fields. */
export function facetCounts(fields, filters, columns, rowsOf) {
  return fields.map((field) => {
    const others = filters.filter(([parameter]) => fieldOf(parameter) !== field);
    const counts = new Map();
    for (const row of rowsOf(passing(others, columns, columns.index.length))) {
      counts.set(columns[field][row], (counts.get(columns[field][row]) ?? 0) + 1);
    }
    return [field, [...counts].sort((a, b) => b[1] - a[1] || String(a[0]).localeCompare(String(b[0])))];
  });
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function bars(counts, most, className) {
  const path = document.createElementNS(SVG, "path");
  const width = 100 / counts.length;
  const bar = (n, place) => `M${place * width} ${HEIGHT}v${(-HEIGHT * n) / most}h${0.86 * width}v${(HEIGHT * n) / most}z`;
  path.setAttribute("d", counts.map((n, place) => (n ? bar(n, place) : "")).join(""));
  path.setAttribute("class", className);
  return path;
}

function histogram(name, columns, rows, axes) {
  const axis = axes[name];
  const { low, high, all, some } = histogramOf(columns[name], rows, axis);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 100 ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${axis.title}: all latents, and the ${count(rows.length)} shown`);
  const most = Math.max(...all, 1);
  svg.append(bars(all, most, "all"), bars(some, most, "some"));
  const ends = element("small", { className: "ends" }, element("span", { textContent: ofSpec(low, axis) }), element("span", { textContent: ofSpec(high, axis) }));
  return element("figure", {}, element("figcaption", { textContent: axis.title }), svg, ends);
}

/** A histogram of each field of the view: all latents in grey, those shown in colour. */
export function showHistograms(box, columns, rows, view, axes) {
  const names = [...new Set([view.x, view.y, view.color, view.size])].filter((name) => name && name !== "index");
  box.replaceChildren(...names.map((name) => histogram(name, columns, rows, axes)));
}

function link(href, text) {
  return element("a", { href, textContent: text });
}

function tableRow(row, columns, fields, view, { axes, overview_url: base }) {
  const other = view.sae === "narrow" ? "reference" : "narrow";
  const partner = columns.main_partner[row];
  const head = element("th", { scope: "row" }, link(`${base}/${view.sae}/${columns.index[row]}`, String(columns.index[row])));
  const label = element("bdi", { className: "label", textContent: columns.label[row] || "no label" });
  const made = element("tr", {}, head, element("td", {}, label));
  made.dataset.row = String(row);
  for (const name of fields) made.append(element("td", { className: "num", textContent: ofSpec(columns[name][row], axes[name]) }));
  made.append(element("td", { className: "num" }, partner === null ? UNDEFINED : link(`${base}/${other}/${partner}`, String(partner))));
  return made;
}

/** A table of the first of the latents that are shown, by colour. */
export function showTable(table, columns, rows, view, data) {
  const fields = [...new Set([view.color, view.x, view.y, view.size])].filter((name) => name && name !== "index");
  const heads = ["Latent", "Fires on", ...fields.map((name) => data.axes[name].title), "Main partner"];
  const isNumber = (place) => place > 1;
  const headOf = (text, place) => element("th", { scope: "col", className: isNumber(place) ? "num" : "", textContent: text });
  const head = element("tr", {}, ...heads.map(headOf));
  const body = topRows(rows, columns[view.color]).map((row) => tableRow(row, columns, fields, view, data));
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
}

function facetValue(field, value, n, view) {
  const pair = value === null ? [`${field}__isnull`, "1"] : [field, String(value)];
  const isChosen = view.filters.some(([name, text]) => name === pair[0] && text === pair[1]);
  const made = element("a", { href: "#", textContent: `${value ?? "undefined"} ` }, element("span", { className: "amount", textContent: count(n) }));
  Object.assign(made.dataset, { facet: pair[0], value: pair[1] });
  if (isChosen) made.setAttribute("aria-current", "true");
  return element("li", {}, made);
}

/** Fill in the lists of facets, which the server made, for another view. */
export function showFacets(lists, counted, view, urlOf) {
  for (const [field, values] of counted) {
    const list = [...lists].find((one) => one.dataset.field === field);
    if (!list) continue;
    list.replaceChildren(...values.map(([value, n]) => facetValue(field, value, n, view)));
    for (const made of list.querySelectorAll("a")) made.href = urlOf(withFacet(view, made.dataset.facet, made.dataset.value));
  }
}

/** The view with only the latents of a facet's value; without that filter, where it was in force. */
export function withFacet(view, name, value) {
  const others = view.filters.filter(([parameter]) => fieldOf(parameter) !== fieldOf(name));
  const was = view.filters.some(([parameter, text]) => parameter === name && text === value);
  return { ...view, filters: was ? others : [...others, [name, value]] };
}
