import assert from "node:assert/strict";
import { test } from "node:test";

import { Element, load, openPage } from "./page.mjs";

const GROUPS = [{ title: "Narrow latents", hits: [
  { href: "/c/one/narrow/1", title: "narrow 1", label: "<b>", note: "fires" },
  { href: "/c/one/narrow/2", title: "narrow 2", label: "", note: "" },
] }];

async function openFind(answer = { ok: true, json: async () => ({ groups: GROUPS }) }) {
  const list = new Element({ hidden: true });
  list.querySelectorAll = () => list.children.filter((item) => item.attributes.role === "option");
  const input = new Element({ value: "", removeAttribute() {} });
  const form = new Element({ dataset: { twin: "/search.json" } });
  const requests = [];
  const fetch = async (url) => { requests.push(url); return answer; };
  class FormData { * [Symbol.iterator]() { yield ["q", input.value]; } }
  const page = openPage({ byId: { "find-form": form, find: input, "find-list": list }, fetch, FormData });
  page.location.assign = (url) => { page.location.assigned = url; };
  const make = document.createElement;
  document.createElement = (tag) => Object.assign(make(tag), { scrollIntoView() {} });
  await load("find.js");
  const type = async (text) => {
    input.value = text;
    input.send("input");
    await new Promise((passed) => { setTimeout(passed, 250); });
  };
  return { ...page, list, input, requests, type };
}

test("find.js suggests as one types, with titles and without markup", async () => {
  const { list, requests, type } = await openFind();
  await type(" not");
  assert.deepEqual(requests, ["/search.json?q=+not"]);
  assert.equal(list.hidden, false);
  assert.deepEqual(list.children.map((item) => item.attributes.role), ["presentation", "option", "option"]);
  assert.equal(list.children[1].children[2].textContent, "<b>");
  await type("");
  assert.equal(list.hidden, true);
});

test("find.js opens what the arrow keys have chosen", async () => {
  const { list, input, location, type } = await openFind();
  await type("a");
  input.send("keydown", { key: "ArrowDown" });
  input.send("keydown", { key: "ArrowDown" });
  assert.deepEqual(list.children.slice(1).map((item) => item.attributes["aria-selected"]), ["false", "true"]);
  assert.equal(input.attributes["aria-activedescendant"], "find-1");
  input.send("keydown", { key: "Enter" });
  assert.equal(location.assigned, "/c/one/narrow/2");
});

test("find.js leaves the form to itself where nothing is chosen, or no answer comes", async () => {
  const { list, input, location, type } = await openFind({ ok: false });
  await type("a");
  assert.equal(list.hidden, true);
  assert.equal(input.send("keydown", { key: "Enter" }).defaultPrevented, false);
  assert.equal(location.assigned, undefined);
});
