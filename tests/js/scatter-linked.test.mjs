import assert from "node:assert/strict";
import { before, test } from "node:test";

import { facetCounts, histogramOf, showFacets, topRows, withFacet } from "../../static/js/scatter-linked.js";
import { Points } from "../../static/js/scatter-points.js";
import { drawnShape, fewCorners, simplified } from "../../static/js/scatter-select.js";
import { Element, openPage } from "./page.mjs";

const VIEW = { filters: [["level", "1"], ["density__gte", "0.1"]], q: "" };
const COLUMNS = { index: [0, 1, 2, 3], level: [1, 1, 0, null], density: [0.5, 0.01, 0.2, 0.3] };

before(() => openPage());

test("a histogram has all latents and some of them in equal stretches", () => {
  const axis = { log: false, kind: "number" };
  assert.deepEqual(histogramOf([0, 1, 2, 3, 4, null], [4, 5], axis, 4), { low: 0, high: 4, all: [1, 1, 1, 2], some: [0, 0, 0, 1] });
  const log = histogramOf([1, 10, 100, 0], [0, 3], { log: true, kind: "integer" }, 2);
  assert.deepEqual([log.low, log.high, log.all, log.some], [1, 100, [1, 2], [1, 0]]);
  assert.deepEqual(histogramOf([5, 5], [0], axis, 2).all, [2, 0]);
});

test("the first rows are those with the largest values, undefined ones last", () => {
  assert.deepEqual(topRows([0, 1, 2, 3, 4], [2, null, 5, 2, 9], 4), [4, 2, 0, 3]);
  assert.deepEqual(topRows([0, 1], [null, 1]), [1, 0]);
  const many = Array.from({ length: 5000 }, (_, row) => row);
  const values = many.map((row) => (row * 7919) % 5003);
  const expected = [...many].sort((a, b) => values[b] - values[a]).slice(0, 12);
  assert.deepEqual(topRows(many, values), expected);
});

test("a facet counts without its own filter", () => {
  const counted = facetCounts(["level"], VIEW.filters, COLUMNS, (rows) => rows);
  assert.deepEqual(counted, [["level", [[0, 1], [1, 1], [null, 1]]]]);
});

test("a facet's value is chosen, exchanged and taken off", () => {
  assert.deepEqual(withFacet(VIEW, "level", "0").filters, [["density__gte", "0.1"], ["level", "0"]]);
  assert.deepEqual(withFacet(VIEW, "level", "1").filters, [["density__gte", "0.1"]]);
  assert.deepEqual(withFacet(VIEW, "level__isnull", "1").filters, [["density__gte", "0.1"], ["level__isnull", "1"]]);
});

test("lists of facets are filled in", () => {
  const list = new Element({ dataset: { field: "level" } });
  showFacets([list], [["level", [[1, 2], [null, 1]]], ["unknown", []]], VIEW, () => "/url");
  const links = list.children.map((item) => item.children[0]);
  assert.deepEqual(links.map(({ textContent, dataset }) => [textContent, dataset.facet, dataset.value]), [
    ["1 ", "level", "1"], ["undefined ", "level__isnull", "1"],
  ]);
  assert.equal(links[0].attributes["aria-current"], "true");
});

test("a path is left with few corners", () => {
  assert.deepEqual(simplified([[0, 0], [1, 0.1], [2, 0]], 0.5), [[0, 0], [2, 0]]);
  const circle = Array.from({ length: 500 }, (_, k) => [100 * Math.cos(k / 80), 100 * Math.sin(k / 80)]);
  const few = fewCorners(circle);
  assert.ok(few.length <= 40 && few.length > 10);
  for (const [x, y] of few) assert.ok(Math.abs(Math.hypot(x, y) - 100) < 1e-9);
});

test("a drawn box or lasso is in data units", () => {
  const axis = { d2p: (value) => 100 * value, p2d: (pixels) => pixels / 100 };
  assert.deepEqual(drawnShape({ range: { x: [2, 1], y: [3, 4] } }, axis, axis), { window: [1, 2, 3, 4] });
  const { corners } = drawnShape({ lassoPoints: { x: [0, 1, 1, 0], y: [0, 0, 1, 1] } }, axis, axis);
  assert.deepEqual(corners, [[0, 0], [1, 0], [1, 1], [0, 1]]);
  assert.equal(drawnShape({ lassoPoints: { x: [0, 1], y: [0, 1] } }, axis, axis), null);
  assert.equal(drawnShape(undefined, axis, axis), null);
});

test("columns are fetched once", async () => {
  const urls = [];
  const fetch = async (url) => {
    urls.push(url);
    return { ok: !url.includes("bad"), status: 400, statusText: "Bad", json: async () => ({ n: 2, columns: { level: [0, 1] } }) };
  };
  openPage({ fetch });
  const points = new Points("/points", "narrow");
  assert.deepEqual((await points.rounded(["level", "index"])).index, [0, 1]);
  await points.rounded(["level"]);
  await points.exact(["level"]);
  assert.deepEqual(urls, ["/points?sae=narrow&fields=level", "/points?sae=narrow&fields=level&exact=1"]);
  assert.deepEqual((await points.searched(""))([1]), [1]);
  await assert.rejects(points.rounded(["bad"]), /400 Bad/);
});
