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
export function keptParams() {
  return [...new URLSearchParams(location.search)].filter(([name]) => name === "embed" || name === "theme");
}

/** The filters that the form's inputs say, after those that only the URL holds. */
export function formFilters(form) {
  const own = new Set(["sae", "x", "y", "color", "zoom", "embed", "theme"]);
  return [...new FormData(form)].filter(([name, value]) => !own.has(name) && value !== "");
}
