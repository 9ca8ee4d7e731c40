import assert from "node:assert/strict";
import { test } from "node:test";

import { config, sequential, styleOf, themed } from "../../static/js/palette.js";
import { Element, load, openPage, runClassic } from "./page.mjs";

const STYLE = { text: "black", grid: "grey", surface: "white", family: "serif" };

test("high values stand out from the background", () => {
  const [light, dark] = [sequential(false), sequential(true)];
  assert.deepEqual(light.at(-1), [1, "#440154"]);
  assert.deepEqual(dark.at(-1), [1, "#b5de2b"]);
  for (const scale of [light, dark]) assert.deepEqual([scale[0][0], scale.at(-1)[0]], [0, 1]);
});

test("a layout keeps what it says itself", () => {
  const layout = themed({ margin: { l: 1 }, xaxis: { type: "log", gridcolor: "red" } }, STYLE);
  assert.deepEqual(layout.margin, { l: 1 });
  assert.equal(layout.xaxis.gridcolor, "red");
  assert.equal(layout.yaxis.gridcolor, "grey");
  assert.deepEqual(layout.font, { family: "serif", size: 12, color: "black" });
  assert.equal(layout.plot_bgcolor, "white");
});

test("the style is the style sheet's", () => {
  const { document } = openPage();
  document.body.style = { fontFamily: "serif" };
  const element = new Element({ style: { color: "black", borderTopColor: "grey", backgroundColor: "white" } });
  assert.deepEqual(styleOf(element), STYLE);
});

test("nothing of a plot leaves the page", () => {
  const options = config("demo-narrow-x-y", { touch: false });
  assert.equal(options.showSendToCloud, false);
  assert.equal(options.plotlyServerURL, "");
  assert.ok(options.modeBarButtonsToRemove.includes("sendChartToCloud"));
  assert.equal(options.toImageButtonOptions.filename, "demo-narrow-x-y");
  assert.equal(config("one", { touch: true }).displayModeBar, false);
});

test("highlight.js keeps the choice in the address", async () => {
  const form = new Element();
  const { history } = openPage({ found: { "[data-highlight-form]": [form] }, href: "http://pages.test/c/one?sae=narrow" });
  await load("highlight.js");
  form.send("change", { target: { value: "a" } });
  assert.equal(history.url, "http://pages.test/c/one?sae=narrow&highlight=a");
  form.send("change", { target: { value: "both" } });
  assert.equal(history.url, "http://pages.test/c/one?sae=narrow");
});

test("docs.js needs no other server", () => {
  let options;
  openPage({ SwaggerUIBundle: (given) => { options = given; } });
  runClassic("docs.js");
  assert.equal(options.url, "openapi.json");
  assert.equal(options.validatorUrl, null);
});
