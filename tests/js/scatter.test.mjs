import assert from "node:assert/strict";
import { before, test } from "node:test";

import { neededFields, placed, scatterLayout, scatterTraces } from "../../static/js/scatter-figure.js";
import { countText, formFilters, inDataUnits, keptParams, viewParams, withWindow } from "../../static/js/scatter-state.js";
import { Element, load, openPage } from "./page.mjs";

const AXES = {
  max_decoder_cosine: { name: "max_decoder_cosine", title: "Decoder cosine", unit: "", kind: "number", log: false },
  density: { name: "density", title: "Density", unit: "", kind: "number", log: true },
  n_firings: { name: "n_firings", title: "Firings", unit: "tokens", kind: "integer", log: true },
  hedging_score: { name: "hedging_score", title: "Hedging score", unit: "", kind: "number", log: false },
};
const COLUMNS = {
  index: [0, 1, 2, 3],
  label: ["the", "<b>", "", "x".repeat(60)],
  main_partner: [7, null, 5, 3],
  max_decoder_cosine: [0.9, 0.5, null, 0.25],
  density: [0.01, 0, 0.1, 0.02],
  n_firings: [12345, 0, 100, 20],
  hedging_score: [0.25, 0.5, null, null],
};
const VIEW = { sae: "narrow", x: "max_decoder_cosine", y: "n_firings", color: "hedging_score", filters: [], zoom: null };
const STYLE = { text: "black", grid: "grey", surface: "white", family: "serif" };

before(() => openPage());

test("a view needs its axes, its colour, and what points say", () => {
  const needed = new Set(neededFields(VIEW));
  assert.deepEqual(needed, new Set(["max_decoder_cosine", "n_firings", "hedging_score"]));
  assert.ok(!neededFields({ ...VIEW, sae: "reference", color: "density" }).includes("hedging_score"));
});

test("an undefined value has no place, nor zero on a logarithmic axis", () => {
  assert.deepEqual(placed([0, 1, 2, 3], COLUMNS, VIEW, AXES), [0, 3]);
});

test("latents whose colour is undefined are grey and below the others", () => {
  const [grey, coloured] = scatterTraces([0, 3], COLUMNS, VIEW, AXES, false);
  assert.deepEqual([grey.customdata, coloured.customdata], [[3], [0]]);
  assert.equal(grey.marker.color, "#8a8f98");
  assert.deepEqual([coloured.marker.cmin, coloured.marker.cmax], [0, 1]);
});

test("a point says its numbers as the tables do, and no markup of its label", () => {
  const [trace] = scatterTraces([0, 1], COLUMNS, VIEW, AXES, false);
  assert.equal(trace.text[0], [
    "<b>narrow 0</b>", "the", "Hedging score: 0.250", "Decoder cosine: 0.900", "Firings: 12,345", "Main partner: reference 7",
  ].join("<br>"));
  assert.match(trace.text[1], /&lt;b&gt;/);
  assert.match(trace.text[1], /Main partner: –/);
  const [long] = scatterTraces([3], COLUMNS, { ...VIEW, color: "density" }, AXES, false);
  assert.match(long.text[0], /x{48}…<br>/);
});

test("a point says its numbers before the labels are there", () => {
  const { label, main_partner, ...drawing } = COLUMNS;
  const [trace] = scatterTraces([0], drawing, VIEW, AXES, false);
  assert.equal(trace.text[0], "<b>narrow 0</b><br>Hedging score: 0.250<br>Decoder cosine: 0.900<br>Firings: 12,345");
});

test("a logarithmic colour bar has round values", () => {
  const [trace] = scatterTraces([0, 2, 3], COLUMNS, { ...VIEW, color: "density" }, AXES, true);
  assert.deepEqual(trace.marker.colorbar.ticktext, ["0.01", "0.02", "0.05", "0.1"]);
  assert.equal(trace.marker.colorbar.orientation, "h");
});

test("the layout has the zoom in the axis' own coordinates, and the chance level", () => {
  const layout = scatterLayout({ ...VIEW, zoom: [0, 1, 10, 1000] }, AXES, 0.3, STYLE, false);
  assert.deepEqual(layout.xaxis.range, [0, 1]);
  assert.deepEqual(layout.yaxis.range, [1, 3]);
  assert.equal(layout.yaxis.title.text, "Firings (tokens)");
  assert.equal(layout.shapes[0].x0, 0.3);
  assert.deepEqual(scatterLayout({ ...VIEW, sae: "reference" }, AXES, 0.3, STYLE, true).shapes, []);
});

test("a link has all of a view", () => {
  const view = { ...VIEW, filters: [["density__gte", "0.01"]], zoom: [0.123456, 1, 2, 3] };
  assert.equal(viewParams(view, [["embed", "1"]]),
    "sae=narrow&x=max_decoder_cosine&y=n_firings&color=hedging_score&density__gte=0.01&zoom=0.12346,1,2,3&embed=1");
});

test("of other parameters only those of the frame are kept", () => {
  assert.deepEqual(keptParams("?embed=1&x=density&theme=dark"), [["embed", "1"], ["theme", "dark"]]);
});

test("the form's filters leave out its axes and what is empty", () => {
  assert.deepEqual(formFilters([["x", "density"], ["level", "1"], ["density__gte", ""]]), [["level", "1"]]);
});

test("the window takes the place of filters of its kind", () => {
  const view = { ...VIEW, filters: [["level", "1"], ["n_firings__gte", "5"]], zoom: [0.5, 0.75, 10, 20] };
  assert.deepEqual(withWindow(view), [
    ["level", "1"], ["max_decoder_cosine__gte", "0.5"], ["max_decoder_cosine__lte", "0.75"],
    ["n_firings__gte", "10"], ["n_firings__lte", "20"],
  ]);
});

test("a range of a logarithmic axis is of logarithms", () => {
  assert.deepEqual(inDataUnits([1, 3], AXES.n_firings), [10, 1000]);
  assert.deepEqual(inDataUnits([1, 3], AXES.hedging_score), [1, 3]);
});

test("the count names latents without a place", () => {
  assert.equal(countText(144, 160, 160), "144 of 160 latents shown; 16 not shown (no value on these axes)");
  assert.equal(countText(3, 3, 160), "3 of 160 latents shown");
});

/** A page with scatter.js on it. */
async function openScatter(answer = { ok: true, json: async () => ({ n: 4, columns: COLUMNS }) }, view = VIEW) {
  const data = { axes: Object.values(AXES), view, null: { q95: 0.3 }, points_url: "/points", overview_url: "/c/one" };
  const names = ["scatter", "scatter-count", "scatter-form", "scatter-window", "scatter-reset", "scatter-table"];
  const byId = Object.fromEntries(names.map((name) => [name, new Element()]));
  byId["scatter-data"] = { textContent: JSON.stringify(data) };
  byId.scatter.on = (event, listener) => { byId.scatter[event] = listener; };
  byId.scatter.removeAttribute = () => {};
  const requests = [];
  const fetch = async (url) => {
    requests.push(url);
    return typeof answer === "function" ? answer(url) : answer;
  };
  const drawn = [];
  const named = [];
  const Plotly = { react: async (...given) => drawn.push(given), restyle: async (_, change) => named.push(change) };
  const page = openPage({ byId, fetch, Plotly, href: "http://pages.test/c/one?embed=1" });
  page.location.assign = (url) => { page.location.assigned = url; };
  await load("scatter.js");
  return { ...page, byId, requests, drawn, named };
}

test("scatter.js gets its columns and draws them", async () => {
  const { byId, requests, drawn } = await openScatter();
  assert.equal(requests.length, 1);
  assert.match(requests[0], /^\/points\?sae=narrow&fields=hedging_score/);
  assert.equal(drawn.length, 1);
  assert.equal(byId["scatter-count"].textContent, "2 of 4 latents shown; 2 not shown (no value on these axes)");
  assert.equal(byId.scatter.dataset.points, "2");
});

/** Answers with the columns that were requested, and no others. */
function answering(url) {
  const fields = new URLSearchParams(url.split("?")[1]).get("fields").split(",").filter(Boolean);
  const columns = Object.fromEntries(fields.map((name) => [name, COLUMNS[name]]));
  return { ok: true, json: async () => ({ n: 4, columns }) };
}

test("scatter.js draws first and names the points afterwards", async () => {
  const { requests, drawn, named } = await openScatter(answering);
  assert.deepEqual(requests.map((url) => url.replace(/^.*fields=/, "")), [
    "hedging_score%2Cmax_decoder_cosine%2Cn_firings", "label%2Cmain_partner",
  ]);
  assert.doesNotMatch(drawn[0][1][0].text[0], /Main partner/);
  assert.match(named[0].text.flat()[0], /Main partner/);
});

test("scatter.js filters by all digits", async () => {
  const { requests, drawn } = await openScatter(answering, { ...VIEW, filters: [["hedging_score__gte", "0.5"]] });
  assert.ok(requests.some((url) => url.endsWith("fields=hedging_score&exact=1")));
  assert.equal(drawn[0][1].flatMap((trace) => trace.customdata).length, 0);
});

test("scatter.js keeps a zoom in the address and can make a filter of it", async () => {
  const { byId, history, location } = await openScatter();
  byId.scatter.layout = { xaxis: { range: [0, 1] }, yaxis: { range: [1, 2] } };
  byId.scatter.plotly_relayout({ "xaxis.range[0]": 0 });
  assert.match(history.url, /zoom=0,1,10,100&embed=1$/);
  assert.equal(byId["scatter-window"].hidden, false);
  byId["scatter-window"].send("click");
  assert.match(location.assigned, /n_firings__gte=10&n_firings__lte=100&embed=1$/);
});

test("scatter.js opens the latent of a point", async () => {
  const { byId, location } = await openScatter();
  byId.scatter.plotly_click({ points: [{ customdata: 3 }], event: {} });
  assert.equal(location.assigned, "/c/one/narrow/3");
});

test("scatter.js says why there are no points", async () => {
  const { byId } = await openScatter({ ok: false, status: 503, statusText: "Busy" });
  assert.equal(byId["scatter-count"].textContent, "Points could not be loaded: 503 Busy");
});
