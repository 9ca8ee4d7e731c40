import assert from "node:assert/strict";
import { before, test } from "node:test";

import { drawnRows, neededFields, placed, scatterLayout, scatterTraces, showsChance } from "../../static/js/scatter-figure.js";
import {
  chipsOf, countText, formFilters, inDataUnits, inWords, keptParams, viewParams, withLasso, withWindow,
} from "../../static/js/scatter-state.js";
import { showForm } from "../../static/js/scatter-form.js";
import { cardOf, showCard, showRing } from "../../static/js/scatter-card.js";
import { plotlyFrom, screenOf } from "../../static/js/scatter-screen.js";
import { Element, openPage } from "./page.mjs";
import { AXES, CHANCE, COLUMNS, VIEW, WORDS } from "./scatter-data.mjs";

const SCREEN = { webgl: true, narrow: false, touch: false };
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

test("a card says its numbers as the tables do", () => {
  const card = cardOf(0, COLUMNS, VIEW, AXES);
  assert.deepEqual([card.head, card.label], ["narrow 0", "the"]);
  assert.deepEqual(card.numbers.map((one) => one.join(": ")), [
    "Hedging score: 0.250", "Decoder cosine: 0.900", "Firings: 12,345", "Main partner: reference 7",
  ]);
  assert.deepEqual(cardOf(1, COLUMNS, { ...VIEW, size: "density" }, AXES).numbers.slice(-1), [["Main partner", "–"]]);
  assert.match(cardOf(3, COLUMNS, VIEW, AXES).label, /^x{60}$/);
});

test("a card says its numbers before the labels are there", () => {
  const { label, main_partner, ...drawing } = COLUMNS;
  assert.deepEqual(cardOf(0, drawing, VIEW, AXES).numbers.length, 3);
});

test("a card stands where there is room", () => {
  const card = new Element({ parentElement: { clientWidth: 100, clientHeight: 100 } });
  showCard(card, { head: "narrow 1", label: "<b>", numbers: [["Score", "1"]] }, [80, 20]);
  assert.deepEqual([card.style.right, card.style.left, card.style.top], ["32px", "", "32px"]);
  assert.deepEqual(card.children.map(({ textContent }) => textContent), ["narrow 1", "<b>", "Score: 1"]);
  const ring = new Element();
  showRing(ring, null);
  assert.equal(ring.hidden, true);
});

test("areas of points grow with the field of their size", () => {
  const [trace] = scatterTraces([0, 1, 2], COLUMNS, { ...VIEW, color: "density", size: "n_firings" }, AXES, SCREEN).slice(-1);
  assert.equal(trace.marker.size[0], 15);
  assert.ok(trace.marker.size[1] > 3 && trace.marker.size[1] < 15);
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

test("a lasso takes the place of one on the same axis", () => {
  const view = { ...VIEW, filters: [["max_decoder_cosine__inside", "density,0,0,1,1,0,1"], ["level", "1"]] };
  const filters = withLasso(view, [[0, 1], [1, 2.000001], [0.5, 3]]);
  assert.deepEqual(filters, [["level", "1"], ["max_decoder_cosine__inside", "n_firings,0,1,1,2,0.5,3"]]);
  const titles = { max_decoder_cosine: "Cosine", n_firings: "Firings" };
  assert.equal(inWords(filters[1], { ...WORDS, titles }), "Cosine and Firings in a lasso of 3 corners");
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
