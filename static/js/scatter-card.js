// The card of the latent under the pointer. Plotly's own tooltips would need a text for every point.

import { UNDEFINED, ofSpec } from "./format.js";
import { hoverFields } from "./scatter-figure.js";

const LONGEST_LABEL = 60;
const GAP = 12;

/** What a card says: head, label, then `[title, value]` of each number; without a label before labels are there. */
export function cardOf(row, columns, view, axes) {
  const numbers = hoverFields(view).map((name) => [axes[name].title, ofSpec(columns[name][row], axes[name])]);
  const head = `${view.sae} ${columns.index[row]}`;
  if (!("label" in columns)) return { head, label: "", numbers };
  const label = columns.label[row];
  const partner = columns.main_partner[row];
  const other = view.sae === "narrow" ? "reference" : "narrow";
  const main = ["Main partner", partner === null ? UNDEFINED : `${other} ${partner}`];
  const cut = label.length > LONGEST_LABEL ? `${label.slice(0, LONGEST_LABEL)}…` : label;
  return { head, label: cut || "no label", numbers: [...numbers, main] };
}

function line(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

/** Show a card at a place in its box, on the side where there is room. */
export function showCard(card, { head, label, numbers }, [left, top]) {
  card.replaceChildren(line("b", head), line("bdi", label), ...numbers.map(([title, value]) => line("span", `${title}: ${value}`)));
  card.hidden = false;
  const box = card.parentElement;
  const isRight = left > box.clientWidth / 2;
  const isLow = top > box.clientHeight / 2;
  card.style.left = isRight ? "" : `${left + GAP}px`;
  card.style.right = isRight ? `${box.clientWidth - left + GAP}px` : "";
  card.style.top = isLow ? "" : `${top + GAP}px`;
  card.style.bottom = isLow ? `${box.clientHeight - top + GAP}px` : "";
}

/** A ring at a place of the box; none for null. */
export function showRing(ring, place) {
  ring.hidden = !place;
  if (place) ring.style.translate = `${place[0]}px ${place[1]}px`;
}
