// Shortcuts: / search, j and k to the next and previous latent or page, g and a letter to a tab, ? what there is.
// With it the button that copies the link, and the one that opens a random latent.

const dialog = document.getElementById("keys");
let isGoing = false;

function follow(selector) {
  const found = [...document.querySelectorAll(selector)];
  // The last one leads through the table that one came from.
  if (found.length) location.assign(found.at(-1).href);
}

/** Whether a key goes into a field: then it does nothing else. */
export function isTyping({ target }) {
  return Boolean(target.closest?.("input, textarea, select, [contenteditable]"));
}

const ACTIONS = {
  "/": () => document.getElementById("find")?.focus(),
  "?": () => dialog?.showModal(),
  j: () => follow("a[rel=next]"),
  k: () => follow("a[rel=prev]"),
  r: () => document.querySelector("[data-random]")?.click(),
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

const random = document.querySelector("[data-random]");
if (random) random.hidden = false;
random?.addEventListener("click", () => {
  location.assign(`${random.dataset.base}/${Math.floor(Math.random() * Number(random.dataset.random))}`);
});
