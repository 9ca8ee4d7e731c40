// The columns of the points, fetched as they are needed and kept.

/** Points of one SAE: `columns` are rounded, for drawing; `exactly` has all digits, for filters. */
export class Points {
  constructor(url, sae) {
    Object.assign(this, { url, sae, columns: {}, exactly: {}, found: {} });
  }

  async json(query) {
    const response = await fetch(`${this.url}?${new URLSearchParams({ sae: this.sae, ...query })}`);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    return response.json();
  }

  async fetchInto(into, names, exact) {
    const missing = [...new Set(names)].filter((name) => name !== "index" && !(name in into));
    if (!missing.length && "index" in into) return into;
    const answer = await this.json({ fields: missing.sort().join(","), ...exact });
    return Object.assign(into, { index: Array.from({ length: answer.n }, (_, row) => row) }, answer.columns);
  }

  /** Columns for drawing. */
  rounded(names) {
    return this.fetchInto(this.columns, names, {});
  }

  /** Columns for filters: with rounded ones a latent could pass here and fail in the table. */
  exact(names) {
    return this.fetchInto(this.exactly, names, { exact: "1" });
  }

  /** Keeps of some rows those that a search finds; what a search means, only the server knows. */
  async searched(q) {
    if (!q) return (rows) => rows;
    this.found[q] ??= new Set((await this.json({ q })).columns.index);
    return (rows) => rows.filter((row) => this.found[q].has(row));
  }
}
