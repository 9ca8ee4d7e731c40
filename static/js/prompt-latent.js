// A latent over a text: what its tokens look like, and where it is kept in the address. Pure: no page.
import { intensity, number } from "./format.js";

/** Token to activation, from `token:activation` pairs with blanks between them. */
function firingsOf(text) {
  const pairs = text.split(" ").filter(Boolean).map((pair) => pair.split(":"));
  return Object.fromEntries(pairs.map(([token, activation]) => [token, Number(activation)]));
}

/** A latent from the data attributes that the page has for it. */
export function readLatent({ largest, firings }) {
  return { largest: Number(largest), firings: firingsOf(firings) };
}

/** Class names of a token with the colour steps of a latent (`a0` … `a10`) and of its main partner (`b0` … `b10`). */
export function tokenClasses(classes, token, latent, partner) {
  const kept = classes.filter((name) => !/^[ab]\d+$/.test(name));
  const step = (one) => intensity(one?.firings[token] ?? 0, one?.largest);
  return [...kept, `a${step(latent)}`, `b${step(partner)}`];
}

/** Activations on a token as they are shown; null where there is none, and no partner's without the latent's own. */
export function shownActivations(token, latent, partner) {
  const [own, other] = [latent, partner].map((one) => one?.firings[token]);
  if (!own) return { own: null, other: null };
  return { own: number(own), other: other ? number(other) : null };
}

/** The page's address with a latent chosen: its path and query. */
export function addressOf(href, name) {
  const url = new URL(href);
  url.searchParams.set("latent", name);
  return url.pathname + url.search.replace("%3A", ":");
}
