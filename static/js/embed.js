// The markup that shows a page, or one part of it, inside another page. Pure: no page.

const HEIGHTS = { page: 700, part: 380 };

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
}

/** An iframe of the page, or of the part with that id. */
export function embedOf(href, part, title) {
  const url = new URL(href);
  url.searchParams.set("embed", "1");
  url.hash = part ? `#${part}` : "";
  const height = part ? HEIGHTS.part : HEIGHTS.page;
  return `<iframe src="${escaped(url.href)}" title="${escaped(title)}" width="100%" height="${height}" loading="lazy"></iframe>`;
}
