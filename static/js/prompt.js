// Live prompts. Without this script every button sends the form again; with it, another latent is shown at once.
// The text stays in the box: only the chosen latent goes into the address.

const STEPS = 10;
const form = document.getElementById("prompt-form");
const status = form?.querySelector("[data-worker-status]");
const data = document.getElementById("prompt-data");
const latents = new Map((data ? JSON.parse(data.textContent) : []).map((one) => [`${one.sae}:${one.index}`, one]));

const number = (value) => (value >= 10 ? value.toFixed(1) : value.toFixed(3));
const make = (tag, text, className = "") => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.className = className;
  return element;
};

/** Colour step of an activation, as `app/web/shared/formatting.py` has it. */
function intensity(activation, largest) {
  if (activation <= 0 || !largest) return 0;
  return Math.min(STEPS, Math.max(1, Math.ceil((STEPS * activation) / largest)));
}

const activations = (latent) => new Map((latent?.firings ?? []).map((one) => [one.token, one.activation]));
const largest = (latent) => latent?.max_activation || Math.max(0, ...(latent?.firings ?? []).map((one) => one.activation));
const other = (sae) => (sae === "narrow" ? "reference" : "narrow");

function paint(latent, partner) {
  const [own, beside] = [activations(latent), activations(partner)];
  for (const token of document.querySelectorAll("#live-text [data-token]")) {
    const place = Number(token.dataset.token);
    const kept = [...token.classList].filter((name) => !/^[ab]\d+$/.test(name));
    const steps = [`a${intensity(own.get(place) ?? 0, largest(latent))}`, `b${intensity(beside.get(place) ?? 0, largest(partner))}`];
    token.className = [...kept, ...steps].join(" ");
    const cell = document.querySelector(`#t${place} .chosen-value`);
    cell?.replaceChildren(own.has(place) ? number(own.get(place)) : "");
    if (own.has(place) && beside.has(place)) cell?.append(make("br", ""), make("span", number(beside.get(place)), "other"));
  }
}

function describe(latent, partner) {
  const box = document.getElementById("chosen");
  const base = location.pathname.replace(/\/prompt$/, "");
  const link = make("a", `${latent.sae === "narrow" ? "Narrow" : "Reference"} ${latent.index}`, `side ${latent.sae}`);
  link.href = `${base}/${latent.sae}/${latent.index}`;
  const title = make("h2", "");
  title.id = "chosen-title";
  title.append(link, " ", latent.diagnosis ? make("span", latent.diagnosis, `badge ${latent.diagnosis}`) : "");
  const score = latent.hedging_score === null ? "" : `; hedging score ${number(latent.hedging_score)}`;
  const note = make("p", "fires on ", "note");
  note.append(make("bdi", latent.label, "label"), score);
  const list = make("ul", "", "partner-list");
  for (const one of latent.partners) {
    const item = make("li", "");
    const page = make("a", `${other(latent.sae)} ${one.index}`);
    page.href = `${base}/${other(latent.sae)}/${one.index}`;
    const pair = make("a", "compare", "compare");
    pair.href = `${base}/pairs/${latent.sae === "narrow" ? `${latent.index}/${one.index}` : `${one.index}/${latent.index}`}`;
    const facts = make("span", `share ${number(one.share)}, cosine ${one.decoder_cosine.toFixed(3)}`, "quiet");
    item.append(make("span", one.diagnosis, `badge ${one.diagnosis}`), " ", page, " ", make("bdi", one.label, "label"), " ", facts, " ", pair);
    list.append(item);
  }
  const key = make("p", "", "note");
  key.append(make("span", `${latent.sae} ${latent.index}`, "key-a"));
  if (partner) key.append(", underlined ", make("span", `${partner.sae} ${partner.index}`, "key-b"), ", its main partner");
  key.append(". Colours are relative to each latent's largest activation; grey tokens are not scored.");
  box?.replaceChildren(title, note, list, key);
  document.getElementById("chosen-column")?.replaceChildren(`${latent.sae} ${latent.index}`);
}

function choose(name, { push }) {
  const latent = latents.get(name);
  if (!latent) return;
  const main = latent.partners.find((one) => one.diagnosis === "main");
  const partner = main && latents.get(`${other(latent.sae)}:${main.index}`);
  paint(latent, partner);
  if (push) describe(latent, partner);
  for (const button of document.querySelectorAll("[data-latent]")) {
    button.setAttribute("aria-pressed", String(button.dataset.latent === name));
  }
  if (!push) return;
  const url = new URL(location.href);
  url.searchParams.set("latent", name);
  url.search = url.search.replace("%3A", ":");
  history.replaceState(null, "", url);
  form.action = url.pathname + url.search;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-latent]");
  if (!button || !latents.has(button.dataset.latent)) return;
  event.preventDefault();
  choose(button.dataset.latent, { push: true });
});

const shown = document.querySelector("#chosen-column")?.textContent.trim().replace(" ", ":");
if (shown) choose(shown, { push: false });

// The page may come from a cache: whether there is a worker shows only now.
if (form && status && !data) {
  const answer = await fetch("/api/v1/worker").then((response) => response.json()).catch(() => null);
  if (answer && !answer.available && !document.querySelector(".notice[role=alert]")) {
    status.textContent = `Inference worker unavailable: ${answer.reason}`;
    status.hidden = false;
  }
}
