import assert from "node:assert/strict";
import { test } from "node:test";

import { embedOf } from "../../static/js/embed.js";
import { LIST, withItem } from "../../static/js/list-link.js";
import { Element, load, openPage } from "./page.mjs";

/** A page with a button that copies an embed, and a link that adds to a list; `kept` is the browser's storage. */
async function openShared(href, kept = {}) {
  const button = new Element({ hidden: true, textContent: "Copy embed", dataset: { copyEmbed: "plot" } });
  const link = new Element({ href: "http://pages.test/lists?item=one%2Fnarrow%2F3" });
  const copied = [];
  Object.defineProperty(globalThis, "navigator", {
    value: { clipboard: { writeText: async (text) => copied.push(text) } }, configurable: true,
  });
  const localStorage = { getItem: (name) => kept[name] ?? null, setItem(name, value) { kept[name] = value; } };
  openPage({ found: { "[data-copy-embed]": [button], "[data-add-to-list]": [link] }, href, localStorage });
  document.title = "A page";
  await load("share.js");
  return { button, link, copied, kept };
}

test("share.js copies what embeds a part, and an embedded page offers no such thing", async () => {
  const { button, copied } = await openShared("http://pages.test/c/one");
  assert.equal(button.hidden, false);
  button.send("click");
  await new Promise(setImmediate);
  assert.deepEqual(copied, [embedOf("http://pages.test/c/one", "plot", "A page")]);
  assert.equal(button.textContent, "Copied");
  assert.equal((await openShared("http://pages.test/c/one?embed=1")).button.hidden, true);
});

test("lists.js remembers the list that share.js then adds to", async () => {
  const { kept } = await openShared("http://pages.test/lists?title=Mine&item=two%2Fnarrow%2F1");
  await load("lists.js");
  assert.equal(kept[LIST], "?title=Mine&item=two%2Fnarrow%2F1");
  const { link } = await openShared("http://pages.test/c/one/narrow/3", kept);
  link.send("click");
  assert.deepEqual(new URL(link.href).searchParams.getAll("item"), ["two/narrow/1", "one/narrow/3"]);
});

test("a page and a part of it are embedded without header, their texts escaped", () => {
  assert.equal(embedOf("http://pages.test/c/one?x=density#top", "", 'A "view" <b>'),
    '<iframe src="http://pages.test/c/one?x=density&amp;embed=1" title="A &quot;view&quot; &lt;b>" width="100%" height="700" loading="lazy"></iframe>');
  assert.match(embedOf("http://pages.test/c/one", "score-distribution", "t"),
    /src="http:\/\/pages\.test\/c\/one\?embed=1#score-distribution".*height="380"/);
});

test("a latent goes to the end of the list that was open, once", () => {
  const link = "http://pages.test/lists?item=one%2Fnarrow%2F3";
  const items = (remembered) => new URL(withItem(link, remembered)).searchParams;
  assert.deepEqual(items(null).getAll("item"), ["one/narrow/3"]);
  const more = items("?title=Mine&item=one%2Fnarrow%2F3+old&item=two%2Freference%2F1+a+note&add=x");
  assert.deepEqual(more.getAll("item"), ["two/reference/1 a note", "one/narrow/3"]);
  assert.equal(more.get("title"), "Mine");
  assert.equal(more.get("add"), null);
});
