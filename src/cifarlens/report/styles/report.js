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
  };
  controls.addEventListener("input", set);
  set();

  // Filters of the misclassified images, and the button that shows all
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
      const visible = new Set(all ? matching : matching.slice(0, first));
      for (const card of cards) card.hidden = !visible.has(card);
      find("#mistake-count").value = `${visible.size} of ${matching.length} shown`;
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

  // The forms are never sent, so Enter must not reload the page
  addEventListener("submit", (event) => event.preventDefault());

  // Open all tables for printing
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}
