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

  // Cells of the confusion matrix: true label, predicted label, number of images; without zeros
  const matrix = find("#confusion");
  const cells = JSON.parse(matrix.dataset.cells);

  // Filters of the misclassified images, and the button that shows more
  const filters = find("#filters");
  if (filters) {
    const { true: truth, predicted } = filters.elements;
    const cards = [...document.querySelectorAll("#mistakes > li")];
    const buttons = [...document.querySelectorAll("#confusion button")];
    const more = find("#more");
    const first = Number(find("#mistakes").dataset.first);
    let all = false;
    const fits = (label, answer) =>
      [truth.value || label, predicted.value || answer].join() === [label, answer].join();
    const update = () => {
      const matching = cards.filter(({ dataset }) => fits(dataset.true, dataset.predicted));
      const visible = new Set(all ? matching : matching.slice(0, first));
      for (const card of cards) card.hidden = !visible.has(card);
      const total = cells
        .filter(([label, answer]) => label !== answer && fits(label, answer))
        .reduce((sum, [, , count]) => sum + count, 0);
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
    matrix.addEventListener("focusin", ({ target }) => {
      for (const button of buttons) button.tabIndex = button === target ? 0 : -1;
    });
    matrix.addEventListener("keydown", ({ key, target }) => {
      const column = buttons.filter(({ dataset }) => dataset.predicted === target.dataset.predicted);
      const line = key === "ArrowUp" || key === "ArrowDown" ? column : buttons;
      if (key in steps) line[line.indexOf(target) + steps[key]]?.focus();
    });
  }

  // A matrix without numbers: a button names the cell nearest to the pointer and shows its images
  if (matrix.dataset.classes) {
    const names = JSON.parse(matrix.dataset.classes);
    const [picture, mark] = matrix.children;
    const cell = find("#cell");
    const isolated = (name) => {
      const element = document.createElement("bdi");
      element.textContent = name;
      return element;
    };
    const point = ({ clientX, clientY }) => {
      const { left, top, width } = picture.getBoundingClientRect();
      const place = (distance) => (distance / width) * names.length - 0.5;
      const [row, column] = [place(clientY - top), place(clientX - left)];
      const far = ([label, answer]) => (label - row) ** 2 + (answer - column) ** 2;
      const [label, answer, count] = cells.reduce((a, b) => (far(b) < far(a) ? b : a));
      const all = cells.filter(([other]) => other === label).reduce((sum, [, , n]) => sum + n, 0);
      Object.assign(cell.dataset, { true: label, predicted: answer });
      const end = label === answer ? ", right" : ""
      cell.replaceChildren(isolated(names[label]), " → ", isolated(names[answer]), `: ${count} of ${all}${end}`);
      cell.disabled = label === answer;
      mark.hidden = false;
      mark.style.cssText = `--row: ${label}; --column: ${answer}`;
    };
    matrix.addEventListener("pointermove", point);
    matrix.addEventListener("pointerdown", point);
    matrix.addEventListener("click", ({ pointerType }) => {
      if (pointerType !== "touch") cell.click(); // a finger hides what it points at
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
