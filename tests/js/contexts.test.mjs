import assert from "node:assert/strict";
import { test } from "node:test";

import { Element, load, openPage } from "./page.mjs";

/** A row whose two parts read ` a↵\n` and `b`, of which the arrow stands for the break. */
function makeRow() {
  const part = (text, marks) => new Element({
    cloneNode() {
      const copy = new Element({ textContent: text });
      copy.querySelectorAll = () => marks.map((mark) => ({
        remove() { copy.textContent = copy.textContent.replace(mark, ""); },
      }));
      return copy;
    },
  });
  return new Element({ found: { ".tokens": [part(" a↵\n", ["↵"]), part("b", [])] } });
}

test("contexts.js copies a row and puts it into the box", async () => {
  const row = makeRow();
  const copy = new Element({ hidden: true, closest: () => row });
  const send = new Element({ hidden: true, closest: () => row });
  const box = new Element({ value: "", scrollIntoView() {}, focus() { this.focused = true; } });
  openPage({ byId: { "prompt-text": box }, found: { "[data-copy-row]": [copy], "[data-send-row]": [send] } });
  const copied = [];
  Object.defineProperty(globalThis, "navigator", {
    value: { clipboard: { async writeText(text) { copied.push(text); } } }, configurable: true,
  });
  await load("contexts.js");
  assert.deepEqual([copy.hidden, send.hidden], [false, false]);
  copy.send("click");
  await new Promise((passed) => { setTimeout(passed, 0); });
  assert.deepEqual(copied, [" a\nb"]);
  assert.equal(copy.textContent, "copied");
  send.send("click");
  assert.equal(box.value, " a\nb");
  assert.equal(box.focused, true);
});
