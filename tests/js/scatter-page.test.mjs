import assert from "node:assert/strict";
import { test } from "node:test";

import { Element, load, openPage } from "./page.mjs";
import { AXES, CHANCE, COLUMNS, VIEW, WORDS } from "./scatter-data.mjs";


/** A page with scatter.js on it. */
async function openScatter(answer = { ok: true, json: async () => ({ n: 4, columns: COLUMNS }) }, changes = {}) {
  const usual = { x: "max_decoder_cosine", y: "n_firings", color: "hedging_score" };
  const urls = { points_url: "/points", overview_url: "/c/one" };
  const shown = { axes: Object.values(AXES), view: { ...VIEW, ...changes }, chance: CHANCE, name: "one" };
  const data = { ...shown, ...urls, ...WORDS, usual, common: ["density"], facets: ["level"] };
  const parts = [
    "count", "form", "window", "filters", "view", "chips", "chance", "card", "ring", "rows", "rows-title", "histograms",
  ];
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
  const Plotly = { react: async (...given) => drawn.push(given) };
  const page = openPage({ byId, fetch, Plotly, href: "http://pages.test/c/one?embed=1" });
  page.location.assign = (url) => { page.location.assigned = url; };
  await load("scatter.js");
  return { ...page, byId, requests, drawn };
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

test("scatter.js draws first and fills in the table afterwards", async () => {
  const { requests, drawn, byId } = await openScatter(answering);
  assert.deepEqual(requests.map((url) => url.replace(/^.*fields=/, "")), [
    "hedging_score%2Cmax_decoder_cosine%2Cn_firings", "label%2Cmain_partner",
  ]);
  assert.equal(drawn.length, 1);
  const [head, body] = byId["scatter-rows"].children;
  assert.deepEqual(head.children[0].children.map(({ textContent }) => textContent).slice(0, 3), ["Latent", "Fires on", "Hedging score"]);
  assert.deepEqual(body.children.map(({ dataset }) => dataset.row), ["1", "0", "2", "3"]);
  assert.equal(byId["scatter-histograms"].children.length, 3);
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

test("scatter.js makes a filter of a box, and Back undoes it", async () => {
  const { byId, history } = await openScatter();
  byId.scatter._fullLayout = {};
  byId.scatter.plotly_selected({ range: { x: [0.9, 0.1], y: [10, 100] } });
  assert.match(history.url, /max_decoder_cosine__gte=0.1&max_decoder_cosine__lte=0.9&n_firings__gte=10/);
  byId.scatter.plotly_selected(undefined);
  assert.equal(history.steps, 1);
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
