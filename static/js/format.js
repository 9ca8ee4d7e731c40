// Numbers as `app/web/shared/formatting.py` writes them: a test compares the two over many values.

export const UNDEFINED = "–";
/** Shares below it are shown as such. */
const SMALLEST = 0.001;
const MINUS = "−";
const STEPS = 10;
/** Digits behind the point that write any double of at least 0.001 in full. */
const EXACT = 70;

/** A tie goes to the even digit, as in Python; JavaScript alone takes the larger one. */
function evenTie(rounded, kept, tail) {
  const isTie = /^50*$/.test(tail);
  return isTie && Number(kept.at(-1)) % 2 === 0 ? kept : rounded;
}

function fixed(size, decimals) {
  const exact = size.toFixed(EXACT);
  const end = exact.length - EXACT + decimals;
  return evenTie(size.toFixed(decimals), exact.slice(0, end).replace(/\.$/, ""), exact.slice(end));
}

function exponential(size) {
  const [digits, exponent] = size.toExponential(EXACT).split("e");
  const [rounded, roundedExponent] = size.toExponential(1).split("e");
  const kept = evenTie(rounded, digits.slice(0, 3), digits.slice(3));
  return kept === rounded ? `${rounded}e${roundedExponent}` : `${kept}e${exponent}`;
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function signed(value, digits) {
  return value < 0 ? MINUS + digits : digits;
}

/** Decimals that leave three to four significant digits for `0.001 <= size < 1e6`. */
function decimals(size) {
  if (size < 10) return 3;
  return size < 1000 ? 1 : 0;
}

/** A measured number in about three significant digits; a value just below 1 is never rounded up to it. */
export function number(value) {
  if (value === null) return UNDEFINED;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001 || size >= 1e6) return signed(value, exponential(size));
  if (size < 1 && fixed(size, 3) === "1.000") return (value < 0 ? "<" : ">") + signed(value, "0.999");
  return signed(value, grouped(fixed(size, decimals(size))));
}

/** A share in [0, 1] in percent, one decimal below 10 %, more below 0.1 %. */
export function percent(share) {
  if (share === null) return UNDEFINED;
  const value = 100 * share;
  const size = Math.abs(value);
  const sign = value < 0 ? "-" : "";
  if (size > 0 && size < 0.1) return `${sign}${fixed(size, size >= 0.01 ? 3 : 4)} %`;
  return `${sign}${fixed(size, (size > 0 && size < 10) || (value > 99 && value < 100) ? 1 : 0)} %`;
}

/** A whole number in full, thousands separated. */
export function count(value) {
  return value === null ? UNDEFINED : signed(value, grouped(String(Math.abs(value))));
}

/** A stretch of time in its two largest units. */
export function duration(seconds) {
  if (seconds === null) return UNDEFINED;
  const whole = Number(fixed(seconds, 0));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** A value of a catalogue field of kind `integer` or `number`: indices and levels plain, counts separated. */
export function ofSpec(value, spec) {
  if (value === null) return UNDEFINED;
  if (spec.shown === "percent") return percent(value);
  if (spec.shown === "share" && value > 0 && value < SMALLEST) return `<${SMALLEST}`;
  if (spec.kind !== "integer") return number(value);
  return spec.unit ? count(value) : String(value);
}

/** Colour step of an activation: 0 where silent, 1 … 10 in proportion to the largest. */
export function intensity(activation, largest) {
  if (activation <= 0 || !largest) return 0;
  return Math.min(STEPS, Math.max(1, Math.ceil((STEPS * activation) / largest)));
}
