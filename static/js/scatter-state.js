// The plot's state and its place in the URL.

import { count } from "./format.js";

/** Parameters of a view, in the order in which links have them; defaults are written too, so that a link says all. */
export function viewParams(view, kept) {
  const params = new URLSearchParams();
  for (const name of ["sae", "x", "y", "color"]) params.append(name, view[name]);
  if (view.size) params.append("size", view.size);
  for (const [name, value] of view.filters) params.append(name, value);
  if (view.q) params.append("q", view.q);
  if (view.zoom) params.append("zoom", view.zoom.map((value) => Number(value.toPrecision(5))).join(","));
  for (const [name, value] of kept) params.append(name, value);
  return params.toString().replaceAll("%2C", ",");
}

/** Parameters that are not the plot's and stay as they are. */
export function keptParams(search) {
  return [...new URLSearchParams(search)].filter(([name]) => name === "embed" || name === "theme");
}

/** The filters among a form's `[name, value]` entries: those of its inputs, after those that only the URL holds. */
export function formFilters(entries) {
  const own = new Set(["sae", "x", "y", "color", "size", "q", "zoom", "embed", "theme"]);
  return entries.filter(([name, value]) => !own.has(name) && value !== "");
}

const text = (value) => String(Number(value.toPrecision(5)));

/** The filters with a window `x0, x1, y0, y1` among them; it takes the place of others of its kind. */
export function withWindow(view, window = view.zoom) {
  const [x0, x1, y0, y1] = window.map(text);
  const bounds = [
    [`${view.x}__gte`, x0],
    [`${view.x}__lte`, x1],
    [`${view.y}__gte`, y0],
    [`${view.y}__lte`, y1],
  ];
  const names = new Set(bounds.map(([name]) => name));
  return [...view.filters.filter(([name]) => !names.has(name)), ...bounds];
}

/** The filters with a lasso `[[x, y], …]` among them; it takes the place of one on the same axis. */
export function withLasso(view, corners) {
  const lasso = [`${view.x}__inside`, [view.y, ...corners.flat().map(text)].join(",")];
  return [...view.filters.filter(([name]) => name !== lasso[0]), lasso];
}

/** A range in data units; Plotly has it in the axis' own coordinates: logarithms on a logarithmic axis. */
export function inDataUnits(range, axis) {
  return axis.log ? range.map((value) => 10 ** value) : [...range];
}

/** How many latents are drawn, how many pass the filters without a place, and how many have no value for the colour. */
export function countText(placed, passed, total, { grey = 0, drawn = placed } = {}) {
  const parts = [`${count(drawn)} of ${count(total)} latents shown`];
  if (passed > placed) parts.push(`${count(passed - placed)} not shown (no value on these axes)`);
  if (grey) parts.push(`${count(grey)} grey (no value for the colour)`);
  if (drawn < placed) parts.push("a sample, since this browser has no WebGL");
  return parts.join("; ");
}

/** A filter in words, as `in_words` of `app/web/pages/filterform.py` has it. */
export function inWords([name, value], { titles, signs }) {
  const [field, op = "eq"] = name.split("__");
  if (op === "isnull") return `${titles[field]} ${value === "1" ? "undefined" : "defined"}`;
  if (op === "inside") {
    const [other, ...numbers] = value.split(",");
    return `${titles[field]} and ${titles[other]} in a lasso of ${numbers.length / 2} corners`;
  }
  return `${titles[field]} ${signs[op]} ${value.replaceAll(",", ", ")}`;
}

/** What is in force: each search and filter in words, with the view that is left without it. */
export function chipsOf(view, words) {
  const search = view.q ? [{ text: `Search: ${view.q}`, without: { ...view, q: "" } }] : [];
  const filters = view.filters.map((pair, place) => ({
    text: inWords(pair, words),
    without: { ...view, filters: view.filters.filter((_, other) => other !== place) },
  }));
  return [...search, ...filters];
}
