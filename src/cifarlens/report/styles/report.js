"use strict";
{
  const find = (selector) => document.querySelector(selector);

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
      const matching = cards.filter(fits);
      const shown = new Set(all ? matching : matching.slice(0, first));
      for (const card of cards) card.hidden = !shown.has(card);
      find("#shown").value = `${shown.size} of ${matching.length} shown`;
      find("#no-mistakes").hidden = matching.length > 0;
      more.hidden = matching.length <= first;
      more.textContent = all ? `Show the first ${first}` : `Show all ${matching.length}`;
    };
    filters.addEventListener("change", update);
    more.addEventListener("click", () => {
      all = !all;
      update();
    });
    update();
  }

  // Nothing is sent: Enter in a form changes nothing
  addEventListener("submit", (event) => event.preventDefault());

  // Paper has no folds
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
  });
}
