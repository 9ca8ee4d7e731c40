// Where "Add to a list" leads: the list that was open last, with one more item. Pure: no page.

export const LIST = "hedgescope-list";

/** The address of the remembered list with the link's own item at its end, once. */
export function withItem(href, remembered) {
  const url = new URL(href);
  const own = url.searchParams.get("item");
  const query = new URLSearchParams(remembered ?? "");
  const items = query.getAll("item").filter((item) => item.split(" ")[0] !== own);
  const next = new URLSearchParams();
  if (query.get("title")) next.set("title", query.get("title"));
  for (const item of [...items, own]) next.append("item", item);
  url.search = next.toString();
  return url.href;
}
