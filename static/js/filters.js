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

/** Indices of the rows that pass all filters, `[[parameter, text], …]`; columns are arrays by field. */
export function passing(filters, columns, n) {
  const tests = filters.map(([parameter, text]) => {
    const [field, op = "eq"] = parameter.split("__");
    return [columns[field], OPS[op](text)];
  });
  const rows = [];
  for (let row = 0; row < n; row += 1) {
    if (tests.every(([column, test]) => test(column[row]))) rows.push(row);
  }
  return rows;
}
