// Shortcuts: / search, j and k to the next and previous row, latent or page, g and a letter to a tab, ? what there is.
// With it the button that copies the link.

const dialog = document.getElementById("keys");
let isGoing = false;

function follow(selector) {
  const found = [...document.querySelectorAll(selector)];
  // The last one leads through the table that one came from.
  if (found.length) location.assign(found.at(-1).href);
}

/** Go along the rows of a table of latents, from the one that has the focus; false at its end, or without such a table. */
function step(rows, by) {
  const place = rows.findIndex((row) => row.contains(document.activeElement));
  const next = place < 0 ? (by > 0 ? 0 : -1) : place + by;
  if (!rows[next]) return false;
  rows[next].querySelector("a.index")?.focus();
  return true;
}

function move(by) {
  const rows = [...document.querySelectorAll("table.latents tbody tr")];
  if (!step(rows, by)) follow(by > 0 ? "a[rel=next]" : "a[rel=prev]");
}

/** Whether a key goes into a field: then it does nothing else. */
export function isTyping({ target }) {
  return Boolean(target.closest?.("input, textarea, select, [contenteditable]"));
}

const ACTIONS = {
  "/": () => document.getElementById("find")?.focus(),
  "?": () => dialog?.showModal(),
  j: () => move(1),
  k: () => move(-1),
  r: () => follow("a[data-random]"),
};

document.addEventListener("keydown", (event) => {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isGoing) {
    isGoing = false;
    follow(`a[data-key="${CSS.escape(event.key)}"]`);
  } else if (event.key === "g") isGoing = true;
  else if (event.key in ACTIONS) {
    event.preventDefault();
    ACTIONS[event.key]();
  }
});

const copy = document.querySelector("[data-copy-link]");
if (copy && navigator.clipboard) copy.hidden = false;
copy?.addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.href);
  copy.textContent = "Link copied";
  setTimeout(() => { copy.textContent = "Copy link"; }, 2000);
});
