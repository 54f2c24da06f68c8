"use strict";
{
  const find = (selector) => document.querySelector(selector);

  // Layer and opacity are one CSS variable each
  const section = find("#explanations");
  const controls = find("#controls");
  const set = () => {
    const { layer, opacity } = controls.elements;
    section.style.setProperty("--layer", layer.value);
    section.style.setProperty("--opacity", opacity.value);
    find("#percent").value = `${Math.round(100 * opacity.value)}%`;
    find("#verdict").value = find("[name=layer]:checked").dataset.verdict;
  };
  controls.addEventListener("input", set);
  set();

  // Filters of the misclassified images, and the button that shows more
  const filters = find("#filters");
  if (filters) {
    const { true: truth, predicted } = filters.elements;
    const cards = [...document.querySelectorAll("#mistakes > li")];
    const cells = [...document.querySelectorAll("#confusion button")];
    const more = find("#more");
    const first = Number(find("#mistakes").dataset.first);
    let all = false;
    const fits = ({ dataset }) =>
      (!truth.value || dataset.true === truth.value) &&
      (!predicted.value || dataset.predicted === predicted.value);
    const update = () => {
      const matching = cards.filter(fits);
      const visible = new Set(all ? matching : matching.slice(0, first));
      for (const card of cards) card.hidden = !visible.has(card);
      const total = cells.filter(fits).reduce((sum, cell) => sum + Number(cell.value), 0);
      const images = `misclassified image${total === 1 ? "" : "s"}`;
      find("#mistake-count").value = `${visible.size} of ${total.toLocaleString("en")} ${images}`;
      find("#no-mistakes").hidden = matching.length > 0;
      find("#clear").hidden = !truth.value && !predicted.value;
      more.hidden = matching.length <= first;
      more.textContent = all ? `Show the first ${first}` : `Show ${matching.length - first} more`;
    };
    filters.addEventListener("change", update);
    more.addEventListener("click", () => {
      all = !all;
      update();
    });
    update();

    // A button with a pair of classes sets both filters and shows the gallery
    find("#errors").addEventListener("click", (event) => {
      const button = event.target.closest("button[data-true]");
      if (!button) return;
      truth.value = button.dataset.true;
      predicted.value = button.dataset.predicted;
      all = false;
      update();
      const title = find("#mistakes-title");
      title.focus({ preventScroll: true });
      title.scrollIntoView();
    });

    // The Tab key stops once in the confusion matrix; arrow keys move between its buttons
    const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    const matrix = find("#confusion");
    matrix.addEventListener("focusin", ({ target }) => {
      for (const cell of cells) cell.tabIndex = cell === target ? 0 : -1;
    });
    matrix.addEventListener("keydown", ({ key, target }) => {
      const column = cells.filter((cell) => cell.dataset.predicted === target.dataset.predicted);
      const line = key === "ArrowUp" || key === "ArrowDown" ? column : cells;
      if (key in steps) line[line.indexOf(target) + steps[key]]?.focus();
    });
  }

  // Copy a text; without a clipboard, it stays selected
  for (const button of document.querySelectorAll("[data-copy]"))
    button.addEventListener("click", () => {
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      if (document.execCommand("copy")) button.textContent = "Copied";
    });

  // The forms are never sent, so Enter must not reload the page
  addEventListener("submit", (event) => event.preventDefault());

  // Open all tables for printing
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}
