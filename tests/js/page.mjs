// Just enough of a browser's page for the scripts that work on one: elements found by selector, and events.
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

/** An element: attributes are plain properties; children are whatever was put into it. */
export class Element extends EventTarget {
  constructor(properties = {}) {
    super();
    Object.assign(this, { dataset: {}, textContent: "", className: "", attributes: {}, children: [], style: {} }, properties);
  }

  get classList() {
    return this.className.split(" ").filter(Boolean);
  }

  querySelector(selector) {
    return this.querySelectorAll(selector)[0] ?? null;
  }

  querySelectorAll(selector) {
    return this.found?.[selector] ?? [];
  }

  closest(selector) {
    return this.matches?.includes(selector) ? this : null;
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  append(...children) {
    this.children.push(...children);
  }

  replaceChildren(...children) {
    this.children = children;
  }

  /** Send it an event with these properties, as a listener sees it. */
  send(type, properties = {}) {
    const event = new Event(type, { cancelable: true });
    for (const [name, value] of Object.entries(properties)) Object.defineProperty(event, name, { value });
    this.dispatchEvent(event);
    return event;
  }
}

/** Make these the globals of the next script: document, location, history and what else it uses. */
export function openPage({ byId = {}, found = {}, href = "http://pages.test/", dark = false, ...globals } = {}) {
  const document = new Element({ found, documentElement: new Element(), body: new Element() });
  document.getElementById = (id) => byId[id] ?? null;
  document.createElement = (tag) => new Element({ tag });
  document.createElementNS = (_namespace, tag) => new Element({ tag });
  const location = Object.assign(new URL(href), { reload() { this.reloaded = true; } });
  const history = {
    replaceState(_state, _title, url) { if (url !== undefined) this.url = String(url); },
    pushState(_state, _title, url) { this.url = String(url); this.steps = (this.steps ?? 0) + 1; },
  };
  const scheme = Object.assign(new EventTarget(), { matches: dark });
  const matchMedia = () => scheme;
  const addEventListener = () => {};
  const requestAnimationFrame = (painted) => setTimeout(painted);
  const own = { addEventListener, requestAnimationFrame, document, location, history, matchMedia, getComputedStyle: (element) => element.style ?? {} };
  Object.assign(globalThis, own, globals);
  return { ...own, scheme };
}

let loads = 0;

/** Run a module of the pages anew. */
export function load(name) {
  loads += 1;
  return import(`../../static/js/${name}?load=${loads}`);
}

/** Run a script that is not a module. */
export function runClassic(name) {
  runInThisContext(readFileSync(new URL(`../../static/js/${name}`, import.meta.url), "utf-8"));
}
