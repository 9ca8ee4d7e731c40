// A text in the part of an address behind `#`, which browsers never send. Pure: no page.

const NAME = "#text=";
/** Characters of a text in a link: chats and mail programs cut longer addresses off. */
export const LONGEST = 4000;

/** The text that an address carries; null for none. */
export function textOf(hash) {
  if (!hash.startsWith(NAME)) return null;
  try {
    return decodeURIComponent(hash.slice(NAME.length));
  } catch {
    return null;
  }
}

/** The page's address with the text; null where it is too long for a link. */
export function linkWith(href, text) {
  if (text.length > LONGEST) return null;
  const url = new URL(href);
  url.searchParams.delete("example");
  url.hash = NAME + encodeURIComponent(text);
  return url.href;
}
