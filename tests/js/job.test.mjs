import assert from "node:assert/strict";
import { test } from "node:test";

import { isActive, textsOf } from "../../static/js/job-text.js";
import { Element, load, openPage } from "./page.mjs";

const JOB = {
  state: "running", stage: "model and SAEs", done: 1280, total: 65536, unit: "tokens", rate: 2857.4, seconds_left: 75,
  workers: 1, version: 7,
};

test("a job's texts are those of its page", () => {
  assert.deepEqual(textsOf(JOB), {
    stage: "model and SAEs", done: "1,280 of 65,536 tokens", rate: "2,857 tokens/s", left: "1 min 15 s", workers: "1",
  });
});

test("a job that waits says for what", () => {
  assert.equal(textsOf({ ...JOB, state: "queued" }).stage, "Waiting for a job runner");
  assert.equal(textsOf({ ...JOB, workers: 0 }).stage, "model and SAEs (waiting for a job runner)");
  assert.equal(textsOf({ ...JOB, stage: null }).stage, "Starting");
});

test("what is not known yet is a dash", () => {
  const { done, rate, left } = textsOf({ ...JOB, total: 0, rate: null, seconds_left: null });
  assert.deepEqual([done, rate, left], ["–", "–", "–"]);
});

test("only queued and running jobs go on", () => {
  const states = ["queued", "running", "done", "failed", "cancelled"];
  assert.deepEqual(states.filter((state) => isActive({ state })), ["queued", "running"]);
});

/** A page with job.js on it. */
async function openJob() {
  const names = ["stage", "done", "rate", "left", "workers", "bar"];
  const fields = Object.fromEntries(names.map((name) => [name, new Element({ dataset: { field: name } })]));
  const box = new Element({ dataset: { events: "/jobs/1/events" }, found: { "[data-field]": Object.values(fields) } });
  const [note, badge] = [new Element(), new Element()];
  let source;
  class EventSource extends Element {
    constructor(url) {
      super({ url });
      source = this;
    }

    close() {
      this.closed = true;
    }
  }
  const page = openPage({ byId: { job: box, follow: note }, found: { ".head .badge": [badge] }, EventSource });
  await load("job.js");
  return { ...page, fields, box, note, badge, source };
}

test("job.js shows each event and reloads the page at the end", async () => {
  const { source, fields, box, note, badge, location } = await openJob();
  assert.equal(source.url, "/jobs/1/events");
  source.send("open");
  assert.equal(note.textContent, "Live.");
  source.send("job", { data: JSON.stringify(JOB) });
  assert.equal(fields.done.textContent, "1,280 of 65,536 tokens");
  assert.equal(fields.bar.value, 1280 / 65536);
  assert.equal(badge.className, "badge running");
  assert.equal(box.dataset.version, 7);
  assert.equal(location.reloaded, undefined);
  source.send("error");
  assert.match(note.textContent, /retrying/);
  source.send("job", { data: JSON.stringify({ ...JOB, state: "done" }) });
  assert.ok(source.closed && location.reloaded);
});
