// Suggestions under the search box, from the twin of the page that the form leads to.

const form = document.getElementById("find-form");
const input = document.getElementById("find");
const list = document.getElementById("find-list");
const WAIT_MS = 150;
let timer;
let latest = 0;
let chosen = -1;

function options() {
  return [...list.querySelectorAll("[role=option]")];
}

function choose(place) {
  const all = options();
  chosen = all.length ? (place + all.length) % all.length : -1;
  for (const [k, one] of all.entries()) one.setAttribute("aria-selected", String(k === chosen));
  if (chosen < 0) input.removeAttribute("aria-activedescendant");
  else {
    input.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }
}

function close() {
  latest += 1;
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  choose(-1);
}

function element(tag, className, text) {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

function option(hit, place) {
  const item = Object.assign(document.createElement("li"), { id: `find-${place}` });
  item.setAttribute("role", "option");
  item.dataset.href = hit.href;
  item.append(element("b", "", hit.title), " ", element("span", "label", hit.label), " ", element("span", "quiet", hit.note));
  return item;
}

/** Rows of the list: each group's title, then its hits. */
export function rowsOf(groups) {
  let place = 0;
  return groups.flatMap(({ title, hits }) => {
    const head = element("li", "group", title);
    head.setAttribute("role", "presentation");
    return [head, ...hits.map((hit) => option(hit, place++))];
  });
}

async function suggest() {
  if (!input.value.trim()) return close();
  latest += 1;
  const mine = latest;
  const answer = await fetch(`${form.dataset.twin}?${new URLSearchParams(new FormData(form))}`).catch(() => null);
  if (!answer?.ok || mine !== latest) return undefined;
  const { groups } = await answer.json();
  if (mine !== latest) return undefined;
  list.replaceChildren(...rowsOf(groups));
  list.hidden = !groups.length;
  input.setAttribute("aria-expanded", String(groups.length > 0));
  return choose(-1);
}

function onKey(event) {
  if (event.key === "Escape") return close();
  if (list.hidden) return undefined;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    return choose(event.key === "ArrowDown" ? chosen + 1 : Math.max(chosen, 0) - 1);
  }
  if (event.key === "Enter" && chosen >= 0) {
    event.preventDefault();
    location.assign(options()[chosen].dataset.href);
  }
  return undefined;
}

input?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT_MS);
});
input?.addEventListener("keydown", onKey);
input?.addEventListener("blur", () => setTimeout(close, WAIT_MS));
list?.addEventListener("mousedown", (event) => {
  const item = event.target.closest("[role=option]");
  if (!item) return;
  event.preventDefault();
  location.assign(item.dataset.href);
});
