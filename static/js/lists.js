// Remembers this list in the browser, so that "Add to a list" on a latent's page adds to it.
import { LIST } from "./list-link.js";

try {
  localStorage.setItem(LIST, location.search);
} catch { /* Without storage the link starts a new list. */ }
