import assert from "node:assert/strict";
import { test } from "node:test";

import { Element, load, openPage } from "./page.mjs";

async function openKeys() {
  const find = new Element({ focus() { this.isFocused = true; } });
  const keys = new Element({ showModal() { this.isOpen = true; } });
  const copy = new Element({ hidden: true, textContent: "Copy link" });
  const found = {
    "a[rel=next]": [{ href: "/by-index" }, { href: "/by-score" }], "a[rel=prev]": [],
    "a[data-key=\"l\"]": [{ href: "/c/one/latents" }], "a[data-random]": [{ href: "/c/one/random?sae=narrow" }], "[data-copy-link]": [copy],
  };
  const copied = [];
  Object.defineProperty(globalThis, "navigator", {
    value: { clipboard: { writeText: async (text) => copied.push(text) } }, configurable: true,
  });
  const page = openPage({ byId: { find, keys }, found, CSS: { escape: (text) => text }, href: "http://pages.test/c/one" });
  page.location.assign = (url) => { page.location.assigned = url; };
  await load("keys.js");
  const press = (key, more = {}) => document.send("keydown", { key, target: new Element(), ...more });
  return { ...page, find, keys, copy, copied, press };
}

test("keys.js goes to the next latent of the table that one came from, and to tabs", async () => {
  const { location, press } = await openKeys();
  press("k");
  assert.equal(location.assigned, undefined);
  press("j");
  assert.equal(location.assigned, "/by-score");
  press("g");
  press("l");
  assert.equal(location.assigned, "/c/one/latents");
});

test("keys.js searches, helps and does nothing while one types", async () => {
  const { find, keys, location, press } = await openKeys();
  press("j", { target: new Element({ matches: ["input, textarea, select, [contenteditable]"] }) });
  press("j", { ctrlKey: true });
  assert.equal(location.assigned, undefined);
  assert.ok(press("/").defaultPrevented);
  press("?");
  assert.deepEqual([find.isFocused, keys.isOpen], [true, true]);
});

test("keys.js opens a random latent and copies the link", async () => {
  const { location, copy, copied, press } = await openKeys();
  assert.equal(copy.hidden, false);
  press("r");
  assert.equal(location.assigned, "/c/one/random?sae=narrow");
  copy.send("click");
  await new Promise(setImmediate);
  assert.deepEqual(copied, ["http://pages.test/c/one"]);
  assert.equal(copy.textContent, "Link copied");
});
