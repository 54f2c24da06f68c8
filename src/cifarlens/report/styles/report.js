"use strict";
{
  const find = (selector, from = document) => from.querySelector(selector);

  // Numbers of the confusion matrix
  for (const radio of document.querySelectorAll('input[name="confusion"]')) {
    const show = () => {
      if (radio.checked) find("#confusion").dataset.mode = radio.value;
    };
    radio.addEventListener("change", show);
    show(); // a reloaded page keeps its choice
  }

  // Layer and opacity: one CSS variable each
  const section = find("#explanations");
  const controls = find("#controls");
  const set = () => {
    const { layer, opacity } = controls.elements;
    section.style.setProperty("--layer", layer.value);
    section.style.setProperty("--opacity", opacity.value);
    find("#percent").value = `${Math.round(100 * opacity.value)}%`;
  };
  controls.addEventListener("input", set);
  controls.addEventListener("submit", (event) => event.preventDefault());
  set();

  // Misclassified images: filters, and more on demand
  const filters = find("#filters");
  if (filters) {
    const cards = [...document.querySelectorAll("#mistakes > li")];
    const more = find("#more");
    const first = Number(find("#mistakes").dataset.first);
    let all = false;
    const update = () => {
      const { true: truth, predicted } = filters.elements;
      const fits = (card) =>
        (!truth.value || card.dataset.true === truth.value) &&
        (!predicted.value || card.dataset.predicted === predicted.value);
      const found = cards.filter(fits);
      const shown = new Set(all ? found : found.slice(0, first));
      for (const card of cards) card.hidden = !shown.has(card);
      find("#shown").value = `${shown.size} of ${found.length} shown`;
      find("#no-mistakes").hidden = found.length > 0;
      more.hidden = found.length <= first;
      more.textContent = all ? `Show the first ${first}` : `Show all ${found.length}`;
    };
    filters.addEventListener("change", update);
    filters.addEventListener("submit", (event) => event.preventDefault());
    more.addEventListener("click", () => {
      all = !all;
      update();
    });
    update();
  }

  // Paper has no folds
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  });
}
