import assert from "node:assert/strict";
import { test } from "node:test";

import { Element, load, openPage, runClassic } from "./page.mjs";

const storage = (stored) => ({
  getItem: () => stored,
  setItem(_name, value) { stored = value; },
});
const blocked = { getItem() { throw new Error("blocked"); }, setItem() { throw new Error("blocked"); } };

const CHOICES = [
  ["?theme=dark", "light", "dark"],
  ["", "light", "light"],
  ["", null, undefined],
  ["?theme=pink", null, undefined],
];

test("theme-first.js takes the address before the stored choice", () => {
  for (const [query, stored, theme] of CHOICES) {
    const { document } = openPage({ href: `http://pages.test/${query}`, localStorage: storage(stored) });
    runClassic("theme-first.js");
    assert.equal(document.documentElement.dataset.theme, theme);
  }
});

test("theme-first.js follows the system where storage is blocked", () => {
  const { document } = openPage({ localStorage: blocked });
  runClassic("theme-first.js");
  assert.equal(document.documentElement.dataset.theme, undefined);
});

test("theme-state.js reads the system's setting where nothing was chosen", async () => {
  const { isDark } = await load("theme-state.js");
  const { document } = openPage({ dark: true });
  assert.equal(isDark(), true);
  document.documentElement.dataset.theme = "light";
  assert.equal(isDark(), false);
});

test("theme.js changes the theme, keeps it, and says so to the plots", async () => {
  for (const localStorage of [storage(null), blocked]) {
    const button = new Element({ hidden: true });
    const { document, scheme } = openPage({ byId: { theme: button }, localStorage });
    const root = document.documentElement;
    let changes = 0;
    root.addEventListener("themechange", () => { changes += 1; });
    await load("theme.js");
    assert.deepEqual([button.hidden, button.textContent], [false, "Dark theme"]);
    button.send("click");
    assert.deepEqual([root.dataset.theme, button.textContent], ["dark", "Light theme"]);
    scheme.dispatchEvent(new Event("change"));
    assert.equal(changes, 3);
    if (localStorage !== blocked) assert.equal(localStorage.getItem("theme"), "dark");
  }
});
