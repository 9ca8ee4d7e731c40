// Cases by hand; `test_scripts.py` compares all of it with the server over thousands of numbers.
import assert from "node:assert/strict";
import { test } from "node:test";

import { count, duration, intensity, number, ofSpec } from "../../static/js/format.js";

test("a number has about three significant digits", () => {
  const cases = [[null, "–"], [0, "0"], [0.5, "0.500"], [-0.1234, "−0.123"], [12.345, "12.3"], [65536.4, "65,536"]];
  for (const [value, text] of cases) assert.equal(number(value), text);
});

test("very small and very large numbers have a power of ten", () => {
  assert.equal(number(0.00012), "1.2e-4");
  assert.equal(number(2.5e7), "2.5e+7");
});

test("what is just below one is never written as one", () => {
  assert.equal(number(0.99999), ">0.999");
  assert.equal(number(1), "1.000");
});

test("a tie goes to the even digit", () => {
  assert.equal(number(1234.5), "1,234");
  assert.equal(number(1235.5), "1,236");
  assert.equal(number(0.0625), "0.062");
  assert.equal(number(1250000), "1.2e+6");
});

test("whole numbers are written in full", () => {
  assert.equal(count(1234567), "1,234,567");
  assert.equal(count(-3), "−3");
  assert.equal(count(null), "–");
});

test("a time has its two largest units", () => {
  assert.deepEqual([null, 12.4, 75, 7260].map(duration), ["–", "12 s", "1 min 15 s", "2 h 1 min"]);
});

test("an index has no separators, a count has", () => {
  assert.equal(ofSpec(4095, { kind: "integer", unit: "" }), "4095");
  assert.equal(ofSpec(4095, { kind: "integer", unit: "tokens" }), "4,095");
  assert.equal(ofSpec(1, { kind: "number", unit: "" }), "1.000");
});

test("a silent token has no colour, the largest activation the full one", () => {
  assert.deepEqual([0, 1e-9, 2.5, 5, 9].map((value) => intensity(value, 5)), [0, 1, 5, 10, 10]);
  assert.equal(intensity(1, null), 0);
});
