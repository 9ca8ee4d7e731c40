import assert from "node:assert/strict";
import { before, test } from "node:test";

import { drawnRows, neededFields, placed, scatterLayout, scatterTraces, showsChance } from "../../static/js/scatter-figure.js";
import {
  chipsOf, countText, formFilters, inDataUnits, inWords, keptParams, viewParams, withWindow,
} from "../../static/js/scatter-state.js";
import { showForm } from "../../static/js/scatter-form.js";
import { plotlyFrom, screenOf } from "../../static/js/scatter-screen.js";
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
const VIEW = { sae: "narrow", x: "max_decoder_cosine", y: "n_firings", color: "hedging_score", filters: [], q: "", zoom: null };
const SCREEN = { webgl: true, narrow: false, touch: false };
const WORDS = { titles: { level: "Level", n_firings: "Firings" }, signs: { eq: "is", in: "is one of", gte: "≥" } };
const CHANCE = { max_decoder_cosine: 0.3, hedging_score: 0.1 };
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
  const [grey, coloured] = scatterTraces([0, 3], COLUMNS, VIEW, AXES, SCREEN);
  assert.deepEqual([grey.customdata, coloured.customdata], [[3], [0]]);
  assert.equal(grey.marker.color, "#8a8f98");
  assert.deepEqual([coloured.marker.cmin, coloured.marker.cmax], [0, 1]);
});

test("a point says its numbers as the tables do, and no markup of its label", () => {
  const [trace] = scatterTraces([0, 1], COLUMNS, VIEW, AXES, SCREEN);
  assert.equal(trace.text[0], [
    "<b>narrow 0</b>", "the", "Hedging score: 0.250", "Decoder cosine: 0.900", "Firings: 12,345", "Main partner: reference 7",
  ].join("<br>"));
  assert.match(trace.text[1], /&lt;b&gt;/);
  assert.match(trace.text[1], /Main partner: –/);
  const [long] = scatterTraces([3], COLUMNS, { ...VIEW, color: "density" }, AXES, SCREEN);
  assert.match(long.text[0], /x{48}…<br>/);
});

test("a point says its numbers before the labels are there", () => {
  const { label, main_partner, ...drawing } = COLUMNS;
  const [trace] = scatterTraces([0], drawing, VIEW, AXES, SCREEN);
  assert.equal(trace.text[0], "<b>narrow 0</b><br>Hedging score: 0.250<br>Decoder cosine: 0.900<br>Firings: 12,345");
});

test("a logarithmic colour bar has round values", () => {
  const [trace] = scatterTraces([0, 2, 3], COLUMNS, { ...VIEW, color: "density" }, AXES, { ...SCREEN, narrow: true });
  assert.deepEqual(trace.marker.colorbar.ticktext, ["0.01", "0.02", "0.05", "0.1"]);
  assert.equal(trace.marker.colorbar.orientation, "h");
});

test("a filter does not change what a colour means", () => {
  const ranges = [[0, 2, 3], [0, 3]].map((rows) => {
    const [trace] = scatterTraces(rows, COLUMNS, { ...VIEW, color: "density" }, AXES, SCREEN);
    return [trace.marker.cmin, trace.marker.cmax];
  });
  assert.deepEqual(ranges[0], [-2, -1]);
  assert.deepEqual(ranges[1], ranges[0]);
});

test("a whole-number field with few values has a colour for each", () => {
  const level = { name: "level", title: "Level", unit: "", kind: "integer", log: false };
  const [trace] = scatterTraces([0, 1, 2], { ...COLUMNS, level: [0, 1, 4, 4] }, { ...VIEW, color: "level" }, { ...AXES, level }, SCREEN);
  assert.deepEqual(trace.marker.colorbar.ticktext, ["0", "1", "4"]);
  assert.deepEqual(trace.marker.color, [0, 1, 2]);
  assert.equal(new Set(trace.marker.colorscale.map(([, colour]) => colour)).size, 3);
});

test("without WebGL an even sample is drawn as SVG", () => {
  const rows = Array.from({ length: 10_000 }, (_, row) => row);
  const sample = drawnRows(rows, { ...SCREEN, webgl: false });
  assert.deepEqual([sample.length, sample[0], sample.at(-1)], [2000, 0, 9995]);
  assert.equal(drawnRows(rows, SCREEN), rows);
  const [trace] = scatterTraces([0], COLUMNS, VIEW, AXES, { ...SCREEN, webgl: false });
  assert.equal(trace.type, "scatter");
});

test("hovering looks for no spike line", () => {
  assert.equal(scatterLayout(VIEW, AXES, CHANCE, STYLE, false).spikedistance, 0);
});

test("the chance level is explained where it is drawn", () => {
  assert.ok(showsChance(VIEW, CHANCE));
  assert.ok(showsChance({ ...VIEW, x: "density", y: "hedging_score" }, CHANCE));
  assert.ok(!showsChance({ ...VIEW, x: "density" }, CHANCE));
  assert.ok(!showsChance({ ...VIEW, sae: "reference" }, CHANCE));
});

test("the layout has the zoom in the axis' own coordinates, and the chance level", () => {
  const layout = scatterLayout({ ...VIEW, zoom: [0, 1, 10, 1000] }, AXES, CHANCE, STYLE, false);
  assert.deepEqual(layout.xaxis.range, [0, 1]);
  assert.deepEqual(layout.yaxis.range, [1, 3]);
  assert.equal(layout.yaxis.title.text, "Firings (tokens)");
  assert.equal(layout.shapes[0].x0, 0.3);
  assert.equal(layout.shapes.length, 1);
  const both = scatterLayout({ ...VIEW, y: "hedging_score" }, AXES, CHANCE, STYLE, false);
  assert.deepEqual(both.shapes.map((shape) => [shape.x0, shape.y0]), [[0.3, 0], [0, 0.1]]);
  assert.deepEqual(scatterLayout({ ...VIEW, sae: "reference" }, AXES, CHANCE, STYLE, true).shapes, []);
});

test("a link has all of a view", () => {
  const view = { ...VIEW, filters: [["density__gte", "0.01"]], zoom: [0.123456, 1, 2, 3] };
  assert.equal(viewParams(view, [["embed", "1"]]),
    "sae=narrow&x=max_decoder_cosine&y=n_firings&color=hedging_score&density__gte=0.01&zoom=0.12346,1,2,3&embed=1");
});

test("a link has the search", () => {
  assert.match(viewParams({ ...VIEW, q: " not" }, []), /&q=\+not$/);
});

test("each search and filter has a chip with the view without it", () => {
  const view = { ...VIEW, q: "not", filters: [["level", "1"], ["n_firings__gte", "5"]] };
  const chips = chipsOf(view, WORDS);
  assert.deepEqual(chips.map(({ text }) => text), ["Search: not", "Level is 1", "Firings ≥ 5"]);
  assert.equal(chips[0].without.q, "");
  assert.deepEqual(chips[2].without.filters, [["level", "1"]]);
  assert.equal(inWords(["level__in", "1,2"], WORDS), "Level is one of 1, 2");
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
  assert.equal(countText(3, 3, 4096, { grey: 2 }), "3 of 4,096 latents shown; 2 grey (no value for the colour)");
  assert.match(countText(5000, 5000, 5000, { drawn: 2000 }), /^2,000 of 5,000 latents shown; a sample/);
});

test("the form has the view's values, and hidden inputs for filters without one", () => {
  const inputs = [["x", "select-one"], ["level", "number"], ["density__lt", "hidden"]].map(([name, type]) => (
    new Element({ name, type, value: "old", remove() { this.isGone = true; } })
  ));
  const form = new Element({ elements: inputs });
  showForm(form, { ...VIEW, filters: [["level", "1"], ["c_dec__gte", "0.5"]] });
  assert.deepEqual(inputs.map(({ value, isGone }) => [value, isGone]), [
    ["max_decoder_cosine", undefined], ["1", undefined], ["old", true],
  ]);
  assert.deepEqual(form.children.map(({ name, type, value }) => [name, type, value]), [["c_dec__gte", "hidden", "0.5"]]);
});

test("the screen has WebGL only where the browser gives a context", async () => {
  const { document } = openPage();
  assert.equal(screenOf().webgl, false);
  document.createElement = () => ({ getContext: () => ({}) });
  assert.equal(screenOf().webgl, true);
  globalThis.Plotly = "there already";
  assert.equal(await plotlyFrom("/nowhere.js"), "there already");
});

/** A page with scatter.js on it. */
async function openScatter(answer = { ok: true, json: async () => ({ n: 4, columns: COLUMNS }) }, changes = {}) {
  const usual = { x: "max_decoder_cosine", y: "n_firings", color: "hedging_score" };
  const urls = { points_url: "/points", overview_url: "/c/one" };
  const shown = { axes: Object.values(AXES), view: { ...VIEW, ...changes }, chance: CHANCE, name: "one" };
  const data = { ...shown, ...urls, ...WORDS, usual, common: ["density"] };
  const parts = ["count", "form", "window", "filters", "view", "table", "chips", "chance"];
  const names = ["scatter", ...parts.map((part) => `scatter-${part}`)];
  const byId = Object.fromEntries(names.map((name) => [name, new Element()]));
  byId["scatter-data"] = { textContent: JSON.stringify(data) };
  byId.scatter.on = (event, listener) => { byId.scatter[event] = listener; };
  byId.scatter.removeAttribute = () => {};
  byId["scatter-form"].elements = [];
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
  assert.equal(byId["scatter-count"].textContent, "2 of 4 latents shown; 2 not shown (no value on these axes); 1 grey (no value for the colour)");
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
  assert.match(history.url, /n_firings__gte=10&n_firings__lte=100&embed=1$/);
  assert.equal(history.steps, 2, "Back undoes one at a time");
});

test("scatter.js takes filters off and keeps axes and colour", async () => {
  const { byId, history } = await openScatter(undefined, { x: "density", filters: [["n_firings__gte", "5"]] });
  assert.equal(byId["scatter-filters"].hidden, false);
  byId["scatter-filters"].send("click");
  assert.match(history.url, /x=density/);
  assert.doesNotMatch(history.url, /n_firings__gte/);
  byId["scatter-view"].send("click");
  assert.match(history.url, /x=max_decoder_cosine/);
  assert.equal(byId["scatter-view"].hidden, true);
});

test("scatter.js makes a chip for each filter", async () => {
  const { byId, history } = await openScatter(undefined, { filters: [["n_firings__gte", "5"], ["level", "1"]] });
  const links = byId["scatter-chips"].children.map((item) => item.children[0]);
  assert.deepEqual(links.map((link) => link.children[0]), ["Firings ≥ 5 ", "Level is 1 "]);
  assert.match(links[0].href, /level=1/);
  links[0].send("click");
  assert.doesNotMatch(history.url, /n_firings__gte/);
});

test("scatter.js draws what the server's search finds", async () => {
  const searching = (url) => {
    const columns = url.includes("q=the") ? { index: [0] } : COLUMNS;
    return { ok: true, json: async () => ({ n: 4, columns }) };
  };
  const { byId, requests } = await openScatter(searching, { q: "the" });
  assert.match(requests[1], /q=the/);
  assert.equal(byId.scatter.dataset.points, "1");
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
