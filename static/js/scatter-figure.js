// Columns and a view to Plotly traces and layout. No state, no events.

import { sequential, themed } from "./palette.js";

const SIZES = [
  [1000, 9],
  [10000, 6],
  [Infinity, 4],
];
/** Diameters of points whose size shows a field. */
const [SMALLEST, LARGEST] = [3, 15];
/** Points drawn without WebGL: more take seconds. */
const MOST_WITHOUT_WEBGL = 2000;
/** Whole-number fields with at most so many values get a colour for each. */
const MOST_CLASSES = 12;

/** The score of a narrow latent, then what the plot shows. */
export function hoverFields(view) {
  const score = view.sae === "narrow" ? ["hedging_score"] : [];
  const size = view.size ? [view.size] : [];
  return [...new Set([...score, view.color, ...size, view.x, view.y])].filter((name) => name !== "index");
}

/** Columns that cards and the table need and the drawing does not: they may come later. */
export const NAMING = ["label", "main_partner"];

/** Columns that a view is drawn from. */
export function neededFields(view) {
  return [...new Set([view.x, view.y, view.color, ...hoverFields(view)])];
}

/** Whether a value has a place on an axis: a logarithmic one has none for zero. */
export function drawable(value, axis) {
  return value !== null && (!axis.log || value > 0);
}

/** Rows that have a place in the plot: both values defined, and above zero on a logarithmic axis. */
export function placed(rows, columns, view, axes) {
  return rows.filter(
    (row) => drawable(columns[view.x][row], axes[view.x]) && drawable(columns[view.y][row], axes[view.y]),
  );
}

/** An even sample of the rows where the browser has no WebGL, else all. */
export function drawnRows(rows, screen) {
  if (screen.webgl || rows.length <= MOST_WITHOUT_WEBGL) return rows;
  const step = rows.length / MOST_WITHOUT_WEBGL;
  return Array.from({ length: MOST_WITHOUT_WEBGL }, (_, place) => rows[Math.floor(place * step)]);
}

/** The smallest and the largest value that an axis can show, as the axis counts: logarithms on a logarithmic one. */
export function rangeOf(values, axis) {
  const valueOf = axis.log ? Math.log10 : (value) => value;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (drawable(value, axis)) [low, high] = [Math.min(low, valueOf(value)), Math.max(high, valueOf(value))];
  }
  return low <= high ? [low, high] : [0, 1];
}

/** Diameters in pixels: areas grow with the field, over all its latents; undefined is smallest. */
function diameters(rows, columns, view, axes) {
  if (!view.size) return SIZES.find(([most]) => rows.length <= most)[1];
  const axis = axes[view.size];
  const [low, high] = rangeOf(columns[view.size], axis);
  return rows.map((row) => {
    const value = columns[view.size][row];
    if (!drawable(value, axis)) return SMALLEST;
    const share = ((axis.log ? Math.log10(value) : value) - low) / (high - low || 1);
    return Math.sqrt(SMALLEST ** 2 + share * (LARGEST ** 2 - SMALLEST ** 2));
  });
}

function trace(rows, columns, view, axes, screen, marker) {
  const pick = (name) => rows.map((row) => columns[name][row]);
  return {
    type: screen.webgl ? "scattergl" : "scatter",
    mode: "markers",
    x: pick(view.x),
    y: pick(view.y),
    customdata: pick("index"),
    // The page shows a card of its own: texts for 100,000 points take longer than drawing them.
    hoverinfo: "none",
    marker: { size: diameters(rows, columns, view, axes), opacity: 0.88, line: { width: 0 }, ...marker },
  };
}

/** 1, 2 and 5 times the powers of ten between two logarithms. */
function roundTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const step of [1, 2, 5]) {
      const value = Number(`${step}e${power}`);
      if (Math.log10(value) >= low && Math.log10(value) <= high) ticks.push(value);
    }
  }
  return ticks;
}

/** A log colour bar says the values, not their logarithms. */
function colourBar(axis, { range, ticks }, narrowScreen) {
  const bar = { title: { text: axis.title, side: narrowScreen ? "top" : "right" }, thickness: 12, outlinewidth: 0 };
  if (ticks) Object.assign(bar, { tickvals: ticks.map((_, place) => place), ticktext: ticks.map(String) });
  if (axis.log) {
    const round = roundTicks(...range);
    Object.assign(bar, { tickvals: round.map(Math.log10), ticktext: round.map(String) });
  }
  if (narrowScreen) Object.assign(bar, { orientation: "h", y: 1, yanchor: "bottom", len: 1, thickness: 9 });
  return bar;
}

/** The values of a whole-number field that has few of them; null for any other field. */
function classesOf(axis, columns) {
  if (axis.kind !== "integer" || axis.log) return null;
  const values = [...new Set(columns[axis.name])].filter((value) => value !== null).sort((a, b) => a - b);
  return values.length && values.length <= MOST_CLASSES ? values : null;
}

/** One colour for each class, in steps. */
function stepped(n) {
  const colours = sequential().map(([, colour]) => colour);
  return Array.from({ length: n }, (_, place) => {
    const colour = colours[Math.round((place / Math.max(1, n - 1)) * (colours.length - 1))];
    return [[place / n, colour], [(place + 1) / n, colour]];
  }).flat();
}

/** How a field is coloured: by all its latents, so that a filter does not change what a colour means. */
function colouring(axis, columns) {
  const ticks = classesOf(axis, columns);
  if (ticks) {
    const valueOf = (value) => ticks.indexOf(value);
    return { ticks, valueOf, range: [-0.5, ticks.length - 0.5], scale: stepped(ticks.length) };
  }
  const valueOf = axis.log ? Math.log10 : (value) => value;
  if (axis.name === "hedging_score") return { valueOf, range: [0, 1], scale: sequential() };
  return { valueOf, range: rangeOf(columns[axis.name], axis), scale: sequential() };
}

/** Coloured points, and grey ones for latents whose colour is undefined. */
export function scatterTraces(rows, columns, view, axes, screen) {
  const axis = axes[view.color];
  const coloured = rows.filter((row) => drawable(columns[view.color][row], axis));
  const grey = rows.filter((row) => !drawable(columns[view.color][row], axis));
  const colours = colouring(axis, columns);
  const marker = {
    color: coloured.map((row) => colours.valueOf(columns[axis.name][row])),
    colorscale: colours.scale,
    showscale: true,
    colorbar: colourBar(axis, colours, screen.narrow),
    cmin: colours.range[0],
    cmax: colours.range[1],
  };
  const traces = [trace(coloured, columns, view, axes, screen, marker)];
  const ring = { color: "#8a8f98", symbol: "circle-open" };
  if (grey.length) traces.unshift(trace(grey, columns, view, axes, screen, ring));
  return traces;
}

function axisLayout(axis, range) {
  const layout = { title: { text: axis.unit ? `${axis.title} (${axis.unit})` : axis.title }, automargin: true };
  // With a format every tick says its whole value; Plotly's own minor ticks say only "2" and "5".
  if (axis.log) Object.assign(layout, { type: "log", tickformat: ",~g" });
  if (range) layout.range = axis.log ? range.map(Math.log10) : range;
  return layout;
}

/** Whether a view has an axis on which a chance level is drawn: only fields of narrow latents have one. */
export function showsChance(view, chance) {
  return view.sae === "narrow" && (view.x in chance || view.y in chance);
}

/** A dashed line at the chance level of each axis that has one. */
function chanceLines(view, chance, colour) {
  if (!showsChance(view, chance)) return { shapes: [], annotations: [] };
  const line = { color: colour, width: 1.5, dash: "dash" };
  const shapes = [];
  const annotations = [];
  const note = { text: "chance, 95 %", showarrow: false, font: { size: 11 } };
  if (view.x in chance) {
    const x = chance[view.x];
    shapes.push({ type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line });
    annotations.push({ ...note, x, y: 1, yref: "paper", xanchor: "left", yanchor: "top", xshift: 4 });
  }
  if (view.y in chance) {
    const y = chance[view.y];
    shapes.push({ type: "line", y0: y, y1: y, x0: 0, x1: 1, xref: "paper", line });
    annotations.push({ ...note, y, x: 1, xref: "paper", xanchor: "right", yanchor: "bottom" });
  }
  return { shapes, annotations };
}

/** Layout of the scatter for a view, in the style of its element; `chance` has the chance levels of some fields. */
export function scatterLayout(view, axes, chance, style, narrowScreen, dragmode = narrowScreen ? "pan" : "zoom") {
  const [x0, x1, y0, y1] = view.zoom ?? [];
  const layout = {
    xaxis: axisLayout(axes[view.x], view.zoom && [x0, x1]),
    yaxis: axisLayout(axes[view.y], view.zoom && [y0, y1]),
    hovermode: "closest",
    // Else Plotly also looks for the point of a spike line, which takes seconds where 100,000 points share a value.
    spikedistance: 0,
    dragmode,
    selections: [],
    margin: { l: 54, r: 10, t: narrowScreen ? 56 : 14, b: 46 },
    ...chanceLines(view, chance, style.text),
  };
  return themed(layout, style);
}
