import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldOf, passing } from "../../static/js/filters.js";

const COLUMNS = { score: [0.1, null, 0.5, 0.9], diagnosis: ["clean", "dead", "hedged", null], level: [0, 1, 1, 2] };
const rows = (...filters) => passing(filters, COLUMNS, 4);

test("without filters all rows pass", () => {
  assert.deepEqual(rows(), [0, 1, 2, 3]);
});

test("all filters have to be met", () => {
  assert.deepEqual(rows(["score__gte", "0.5"], ["score__lt", "0.9"]), [2]);
  assert.deepEqual(rows(["level", "1"], ["diagnosis__in", "hedged, clean"]), [2]);
});

test("an undefined value meets only isnull and ne", () => {
  assert.deepEqual(rows(["score__isnull", "1"]), [1]);
  assert.deepEqual(rows(["score__ne", "0.5"]), [0, 1, 3]);
  assert.deepEqual(rows(["score__lte", "1"]), [0, 2, 3]);
});

test("the field comes before the operation", () => {
  assert.equal(fieldOf("max_jaccard__gte"), "max_jaccard");
  assert.equal(fieldOf("level"), "level");
});
