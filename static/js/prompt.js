// Live prompts. Without this script every button sends the form again; with it, another latent is shown at once.
// The server has rendered what the page says of each latent into a `template` element; here one of them is chosen.
// The text stays in the box: only the chosen latent goes into the address.
import { duration } from "./format.js";
import { addressOf, readLatent, shownActivations, tokenClasses } from "./prompt-latent.js";
import { LONGEST, linkWith, textOf } from "./shared-text.js";

const form = document.getElementById("prompt-form");
const status = form?.querySelector("[data-worker-status]");
const templates = new Map(
  [...document.querySelectorAll("template[data-shown]")].map((node) => [node.dataset.shown, node]),
);

function latentOf(name) {
  const template = templates.get(name);
  return template && readLatent(template.dataset);
}

function showActivations(cell, { own, other }) {
  cell.replaceChildren(own ?? "");
  if (other === null) return;
  const second = document.createElement("span");
  second.className = "other";
  second.textContent = other;
  cell.append(document.createElement("br"), second);
}

function paint(latent, partner) {
  for (const node of document.querySelectorAll("#live-text [data-token]")) {
    const token = Number(node.dataset.token);
    node.className = tokenClasses([...node.classList], token, latent, partner).join(" ");
    const cell = document.querySelector(`#t${token} .chosen-value`);
    if (cell) showActivations(cell, shownActivations(token, latent, partner));
  }
}

function describe(name) {
  const column = document.getElementById("chosen-column");
  document.getElementById("chosen")?.replaceChildren(templates.get(name).content.cloneNode(true));
  column.textContent = name.replace(":", " ");
  column.title = `activation of ${column.textContent}`;
}

function press(name) {
  for (const button of document.querySelectorAll("[data-latent]")) {
    button.setAttribute("aria-pressed", String(button.dataset.latent === name));
  }
}

function choose(name) {
  paint(latentOf(name), latentOf(templates.get(name).dataset.partner));
  describe(name);
  press(name);
  document.getElementById("reading").className = `of-${name.split(":")[0]}`;
  const address = addressOf(location.href, name);
  history.replaceState(null, "", address);
  form.action = address;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-latent]");
  if (!button || !templates.has(button.dataset.latent)) return;
  event.preventDefault();
  choose(button.dataset.latent);
});

/** While the server reads: for how long already, and a way to stop. The form itself is sent as without this script. */
function showReading() {
  const note = form.querySelector("[data-reading]");
  const started = Date.now();
  const show = () => { note.querySelector("[data-elapsed]").textContent = duration((Date.now() - started) / 1000); };
  const timer = setInterval(show, 1000);
  note.hidden = false;
  note.querySelector("[data-stop]").addEventListener("click", () => {
    globalThis.stop();
    clearInterval(timer);
    note.hidden = true;
  }, { once: true });
}

form?.addEventListener("submit", showReading);

const shown = document.getElementById("chosen-column")?.textContent.trim().replace(" ", ":");
if (shown) press(shown);

// A link may carry a text behind `#`: it is put into the box, and read only when the reader says so.
const box = document.getElementById("prompt-text");
const shared = textOf(location.hash);
if (box && shared !== null && !box.value) box.value = shared;

const copyText = form?.querySelector("[data-copy-text]");
if (copyText && navigator.clipboard) copyText.hidden = false;
copyText?.addEventListener("click", async () => {
  const link = linkWith(location.href, box.value);
  if (link !== null) await navigator.clipboard.writeText(link);
  const before = copyText.textContent;
  copyText.textContent = link === null ? `Too long for a link: more than ${LONGEST} characters` : "Link copied";
  setTimeout(() => { copyText.textContent = before; }, 2000);
});

// The page may come from a cache: whether there is a worker shows only now.
if (form && status && !templates.size) {
  const answer = await fetch(status.dataset.workerStatus).then((response) => response.json()).catch(() => null);
  if (answer && !answer.available && !document.querySelector(".notice[role=alert]")) {
    status.textContent = `Inference worker unavailable: ${answer.reason}`;
    status.hidden = false;
  }
}
