import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, readLatent, shownActivations, tokenClasses } from "../../static/js/prompt-latent.js";
import { Element, load, openPage } from "./page.mjs";

const LATENT = readLatent({ largest: "4.0", firings: "1:4.0 3:1e-05 " });
const PARTNER = readLatent({ largest: "2.0", firings: "1:1.0 " });

test("a latent is read from its attributes", () => {
  assert.equal(LATENT.largest, 4);
  assert.deepEqual(LATENT.firings, { 1: 4, 3: 1e-5 });
  assert.deepEqual(readLatent({ largest: "1.0", firings: "" }).firings, {});
});

test("a token keeps its other classes", () => {
  assert.deepEqual(tokenClasses(["tok", "a3", "b0", "unscored"], 1, LATENT, PARTNER), ["tok", "unscored", "a10", "b5"]);
  assert.deepEqual(tokenClasses(["tok", "a3", "b2"], 2, LATENT, undefined), ["tok", "a0", "b0"]);
});

test("a partner's activation is shown below the latent's own", () => {
  assert.deepEqual(shownActivations(1, LATENT, PARTNER), { own: "4.000", other: "1.000" });
  assert.deepEqual(shownActivations(3, LATENT, PARTNER), { own: "1.0e-5", other: null });
  assert.deepEqual(shownActivations(1, readLatent({ largest: "1", firings: "" }), PARTNER), { own: null, other: null });
});

test("the address has the chosen latent, and nothing of the text", () => {
  assert.equal(addressOf("http://pages.test/c/one/prompt?latent=narrow:1&embed=1", "reference:7"),
    "/c/one/prompt?latent=reference:7&embed=1");
});

/** A page with two latents, `narrow:1` with its partner `reference:7`, and a text of two tokens. */
async function openPrompt() {
  const template = (shown, partner, firings) =>
    new Element({ dataset: { shown, partner, largest: "4.0", firings }, content: { cloneNode: () => `about ${shown}` } });
  const templates = [template("narrow:1", "reference:7", "1:4.0 "), template("reference:7", "", "0:2.0 1:1.0 ")];
  const tokens = ["0", "1"].map((token) => new Element({ dataset: { token }, className: "tok a0 b0" }));
  const cells = [new Element(), new Element()];
  const buttons = ["narrow:1", "reference:7", "narrow:9"].map(
    (latent) => new Element({ dataset: { latent }, matches: ["[data-latent]"] }),
  );
  const byId = {
    "prompt-form": new Element(), chosen: new Element(), "chosen-column": new Element({ textContent: "reference 7" }),
    reading: new Element(),
  };
  const found = {
    "template[data-shown]": templates, "#live-text [data-token]": tokens, "[data-latent]": buttons,
    "#t0 .chosen-value": [cells[0]], "#t1 .chosen-value": [cells[1]],
  };
  const page = openPage({ byId, found, href: "http://pages.test/c/one/prompt" });
  await load("prompt.js");
  return { ...page, byId, tokens, cells, buttons };
}

test("prompt.js marks the latent that the server has shown", async () => {
  const { buttons } = await openPrompt();
  assert.deepEqual(buttons.map((button) => button.attributes["aria-pressed"]), ["false", "true", "false"]);
});

test("prompt.js shows the latent of a button that is pressed", async () => {
  const { document, byId, tokens, cells, buttons, history } = await openPrompt();
  const event = document.send("click", { target: buttons[0] });
  assert.ok(event.defaultPrevented);
  assert.deepEqual(tokens.map((token) => token.className), ["tok a0 b5", "tok a10 b3"]);
  assert.deepEqual(cells[0].children, [""]);
  assert.equal(cells[1].children[0], "4.000");
  assert.deepEqual(cells[1].children.slice(1).map((child) => [child.tag, child.textContent]), [["br", ""], ["span", "1.000"]]);
  assert.deepEqual(byId.chosen.children, ["about narrow:1"]);
  assert.equal(byId["chosen-column"].textContent, "narrow 1");
  assert.equal(byId["chosen-column"].title, "activation of narrow 1");
  assert.equal(byId.reading.className, "of-narrow");
  assert.equal(history.url, "/c/one/prompt?latent=narrow:1");
  assert.equal(byId["prompt-form"].action, "/c/one/prompt?latent=narrow:1");
});

test("prompt.js says that the text is being read, and can stop", async () => {
  const { byId } = await openPrompt();
  const [note, elapsed, stop] = [new Element({ hidden: true }), new Element(), new Element()];
  note.found = { "[data-elapsed]": [elapsed], "[data-stop]": [stop] };
  byId["prompt-form"].found = { "[data-reading]": [note] };
  let stopped = 0;
  globalThis.stop = () => { stopped += 1; };
  byId["prompt-form"].send("submit");
  assert.equal(note.hidden, false);
  await new Promise((passed) => { setTimeout(passed, 1100); });
  assert.equal(elapsed.textContent, "1 s");
  stop.send("click");
  assert.deepEqual([stopped, note.hidden], [1, true]);
});

test("prompt.js leaves a latent that the page does not know to the server", async () => {
  const { document, buttons, history } = await openPrompt();
  assert.ok(!document.send("click", { target: buttons[2] }).defaultPrevented);
  assert.equal(history.url, undefined);
});

test("prompt.js says on an empty page that there is no worker", async () => {
  const status = new Element({ hidden: true, dataset: { workerStatus: "/below/api/v1/worker" } });
  const form = new Element({ found: { "[data-worker-status]": [status] } });
  const fetch = async () => ({ json: async () => ({ available: false, reason: "it is starting" }) });
  openPage({ byId: { "prompt-form": form }, fetch });
  await load("prompt.js");
  assert.equal(status.hidden, false);
  assert.equal(status.textContent, "Inference worker unavailable: it is starting");
});
