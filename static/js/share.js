// Buttons that copy what embeds the page or one plot of it, and the link that adds a latent to the list opened last.
import { embedOf } from "./embed.js";
import { LIST, withItem } from "./list-link.js";

const isEmbedded = new URLSearchParams(location.search).get("embed") === "1";

for (const button of navigator.clipboard && !isEmbedded ? document.querySelectorAll("[data-copy-embed]") : []) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const before = button.textContent;
    await navigator.clipboard.writeText(embedOf(location.href, button.dataset.copyEmbed, document.title));
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = before; }, 2000);
  });
}

document.querySelector("[data-add-to-list]")?.addEventListener("click", (event) => {
  let remembered = null;
  try {
    remembered = localStorage.getItem(LIST);
  } catch { /* Without storage it starts a new list. */ }
  event.currentTarget.href = withItem(event.currentTarget.href, remembered);
});
