import assert from "node:assert/strict";
import { test } from "node:test";

import { embedOf } from "../../static/js/embed.js";
import { withItem } from "../../static/js/list-link.js";

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
