// Buttons of context rows: copy the text, or put it into the box for one's own text.

const box = document.getElementById("prompt-text");

/** The text of a row as it was read: without the stand-ins for what can't be seen. */
export function textOf(row) {
  return [...row.querySelectorAll(".tokens")].map((part) => {
    const copy = part.cloneNode(true);
    for (const mark of copy.querySelectorAll(".mark")) mark.remove();
    return copy.textContent;
  }).join("");
}

for (const button of document.querySelectorAll("[data-copy-row]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(textOf(button.closest("li")));
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}

for (const button of document.querySelectorAll("[data-send-row]")) {
  button.hidden = !box;
  button.addEventListener("click", () => {
    box.value = textOf(button.closest("li"));
    box.scrollIntoView({ block: "center" });
    box.focus();
  });
}
