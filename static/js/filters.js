// The filters of the latents table, on columns in the browser: the same operations as `app/store/filters.py`.
// An undefined value (null) meets no condition but `isnull` and `ne`.

const number = (text) => Number(text);
const same = (value, text) => (typeof value === "number" ? value === number(text) : value === text);

const OPS = {
  eq: (text) => (value) => value !== null && same(value, text),
  ne: (text) => (value) => value === null || !same(value, text),
  gt: (text) => (value) => value !== null && value > number(text),
  gte: (text) => (value) => value !== null && value >= number(text),
  lt: (text) => (value) => value !== null && value < number(text),
  lte: (text) => (value) => value !== null && value <= number(text),
  in: (text) => (value) => value !== null && text.split(",").some((part) => same(value, part.trim())),
  isnull: (text) => (value) => (value === null) === (text === "1"),
};

/** Names of the operations; a test holds them to those of the database. */
export function operations() {
  return Object.keys(OPS);
}

/** The field that a parameter `field__op` is about. */
export function fieldOf(parameter) {
  return parameter.split("__")[0];
}

/** All fields that a filter reads: a lasso has two. */
export function fieldsOf([parameter, text]) {
  return parameter.endsWith("__inside") ? [fieldOf(parameter), text.split(",")[0]] : [fieldOf(parameter)];
}

/** The corners of a lasso `y,x0,y0,x1,y1,…`; `app/store/lasso.py` puts tiny ones at zero too. */
function cornersOf(text) {
  const numbers = text.split(",").slice(1).map(number).map((value) => (Math.abs(value) < 1e-12 ? 0 : value));
  return Array.from({ length: numbers.length / 2 }, (_, place) => numbers.slice(2 * place, 2 * place + 2));
}

/** Whether a point lies within a polygon: a ray to the right crosses its edges an odd number of times. */
function insideOf(text) {
  const corners = cornersOf(text);
  const edges = corners.map((corner, place) => [...corner, ...corners[(place + 1) % corners.length]]);
  return (x, y) => {
    if (x === null || y === null) return false;
    let odd = false;
    for (const [x1, y1, x2, y2] of edges) {
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) odd = !odd;
    }
    return odd;
  };
}

function passesOf([parameter, text], columns) {
  const [field, op = "eq"] = parameter.split("__");
  if (op === "inside") {
    const [x, y] = fieldsOf([parameter, text]).map((name) => columns[name]);
    const isInside = insideOf(text);
    return (row) => isInside(x[row], y[row]);
  }
  const test = OPS[op](text);
  return (row) => test(columns[field][row]);
}

/** Indices of the rows that pass all filters, `[[parameter, text], …]`; columns are arrays by field. */
export function passing(filters, columns, n) {
  const tests = filters.map((filter) => passesOf(filter, columns));
  const rows = [];
  for (let row = 0; row < n; row += 1) {
    if (tests.every((test) => test(row))) rows.push(row);
  }
  return rows;
}
