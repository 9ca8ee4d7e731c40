// The form and the chips of the scatter, kept in step with its state.

function hiddenInput(name, value) {
  return Object.assign(document.createElement("input"), { type: "hidden", name, value });
}

/** Fill in the inputs as the view has them; filters that have no input of their own are kept in hidden ones. */
export function showForm(form, view) {
  const values = new Map([...view.filters, ["sae", view.sae], ["x", view.x], ["y", view.y], ["color", view.color]]);
  const shown = new Set();
  for (const input of [...form.elements]) {
    if (input.type === "hidden") input.remove();
    else if (input.name) {
      input.value = values.get(input.name) ?? "";
      shown.add(input.name);
    }
  }
  form.append(...view.filters.filter(([name]) => !shown.has(name)).map(([name, value]) => hiddenInput(name, value)));
}

function chip({ text, without }, urlOf, change) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  const cross = document.createElement("span");
  cross.setAttribute("aria-hidden", "true");
  cross.textContent = "×";
  link.href = urlOf(without);
  link.title = "Remove this filter";
  link.append(`${text} `, cross);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    change(without);
  });
  item.append(link);
  return item;
}

/** Make a chip of each search and filter in force; each leads to the view without it. */
export function showChips(list, chips, urlOf, change) {
  list.hidden = !chips.length;
  list.replaceChildren(...chips.map((one) => chip(one, urlOf, change)));
}
