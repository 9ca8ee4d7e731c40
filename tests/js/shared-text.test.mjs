import assert from "node:assert/strict";
import { test } from "node:test";

import { LONGEST, linkWith, textOf } from "../../static/js/shared-text.js";

const PAGE = "http://pages.test/c/one/prompt?pin=narrow:1&example=0";

test("a text goes behind # and comes back whole", () => {
  for (const text of ["plain", "a # b % c & d\n\"é\" 🙂 <script>", "‮", " "]) {
    const link = linkWith(PAGE, text);
    const { search, hash } = new URL(link);
    assert.equal(textOf(hash), text);
    assert.equal(search, "?pin=narrow%3A1");
  }
});

test("a long text makes no link", () => {
  assert.equal(linkWith(PAGE, "x".repeat(LONGEST + 1)), null);
  assert.notEqual(linkWith(PAGE, "x".repeat(LONGEST)), null);
});

test("other addresses carry no text", () => {
  for (const hash of ["", "#", "#t3", "#text=%E0%A4%A"]) assert.equal(textOf(hash), null);
});
