// Adds to Gradio: opacity without a request, messages about numbers that are not allowed, and names for the
// example buttons.

function setHeatOpacity(results, percent) {
  document.getElementById(results)?.style.setProperty("--heat-opacity", percent / 100);
}

function nameExamples() {
  for (const button of document.querySelectorAll("#examples .gallery-item")) {
    const file = decodeURIComponent(button.querySelector("img")?.src ?? "").split("/").pop();
    const name = file.match(/^\d+_(.+)\.png$/)?.[1]?.replaceAll("_", " ");
    if (!name || button.title === name) continue;
    button.title = name;
    button.setAttribute("aria-label", `Example: ${name}`);
  }
}

new MutationObserver(nameExamples).observe(document, { childList: true, subtree: true });

// Gradio corrects a number that is out of range without a message.
const NUMBER = "input[data-testid=number-input]";
let correcting = false;

function explainNumber(box) {
  const { min, max, value } = box;
  const number = Number(value);
  const nearest = Math.min(Math.max(Math.round(number), min), max);
  const allowed = `a whole number from ${min} to ${max}`;
  if (value === "") say(box, `Enter ${allowed}.`);
  else if (number !== nearest) say(box, `${value} is not allowed; ${nearest} is used instead. Enter ${allowed}.`);
  else say(box, "");
}

function say(element, text) {
  const block = element.closest(".block");
  block.querySelector(":scope > .note")?.remove();
  if (!text) return;
  const note = document.createElement("p");
  note.className = "note";
  note.setAttribute("role", "alert");
  note.textContent = text;
  block.append(note);
}

document.addEventListener("input", ({ target }) => {
  if (correcting) return;
  if (target.matches(NUMBER)) explainNumber(target);
  else if (target.matches("input[type=range]")) say(target, "");
});

// When the box loses focus, Gradio corrects numbers out of range, but not fractions.
document.addEventListener("focusout", ({ target }) => {
  if (!target.matches(NUMBER) || Number.isInteger(Number(target.value))) return;
  correcting = true;
  target.value = Math.round(Number(target.value));
  target.dispatchEvent(new InputEvent("input", { bubbles: true }));
  correcting = false;
});

// Hides a preview that the browser cannot show; the message next to it gives the reason.
function setPreview(event) {
  if (event.target.closest?.("#picture")) {
    event.target.style.visibility = event.type === "error" ? "hidden" : "";
  }
}

document.addEventListener("error", setPreview, true);
document.addEventListener("load", setPreview, true);
