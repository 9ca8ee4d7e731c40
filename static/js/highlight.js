// Keeps the highlight choice in the URL; the style sheet does the rest.

const form = document.querySelector("[data-highlight-form]");

form?.addEventListener("change", (event) => {
  const url = new URL(location.href);
  if (event.target.value === "both") url.searchParams.delete("highlight");
  else url.searchParams.set("highlight", event.target.value);
  history.replaceState(null, "", url);
});
