// The plot's state and its place in the URL.

/** Parameters of a view, in the order in which links have them; defaults are written too, so that a link says all. */
export function viewParams(view, kept) {
  const params = new URLSearchParams();
  for (const name of ["sae", "x", "y", "color"]) params.append(name, view[name]);
  for (const [name, value] of view.filters) params.append(name, value);
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
  const own = new Set(["sae", "x", "y", "color", "zoom", "embed", "theme"]);
  return entries.filter(([name, value]) => !own.has(name) && value !== "");
}

/** The filters with the zoomed window among them; it takes the place of others of its kind. */
export function withWindow(view) {
  const [x0, x1, y0, y1] = view.zoom.map((value) => String(Number(value.toPrecision(5))));
  const window = [
    [`${view.x}__gte`, x0],
    [`${view.x}__lte`, x1],
    [`${view.y}__gte`, y0],
    [`${view.y}__lte`, y1],
  ];
  const names = new Set(window.map(([name]) => name));
  return [...view.filters.filter(([name]) => !names.has(name)), ...window];
}

/** A range in data units; Plotly has it in the axis' own coordinates: logarithms on a logarithmic axis. */
export function inDataUnits(range, axis) {
  return axis.log ? range.map((value) => 10 ** value) : [...range];
}

/** How many latents are drawn, and how many pass the filters but have no place in the plot. */
export function countText(drawn, passed, total) {
  const left = passed > drawn ? `; ${passed - drawn} not shown (no value on these axes)` : "";
  return `${drawn} of ${total} latents shown${left}`;
}
