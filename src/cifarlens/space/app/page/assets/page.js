// Adds to Gradio: opacity without a request, messages about numbers that are not allowed, saved maps, and a link
// that holds the settings.

function setHeatOpacity(results, percent) {
  document.getElementById(results)?.style.setProperty("--heat-opacity", percent / 100);
}

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

document.addEventListener("input", (event) => {
  const { target } = event;
  if (correcting) return;
  if (target.matches(NUMBER)) {
    explainNumber(target);
    if (target.value === "") event.stopPropagation(); // Gradio keeps the last value
  } else if (target.matches("input[type=range]")) say(target, "");
}, true);

// When the box loses focus, Gradio corrects numbers out of range, but not fractions. An empty box gets its value back.
document.addEventListener("blur", ({ target }) => {
  if (!target.matches?.(NUMBER)) return;
  if (target.value === "") {
    target.value = target.closest(".block").querySelector("input[type=range]").value;
    say(target, "");
  } else if (!Number.isInteger(Number(target.value))) {
    correcting = true;
    target.value = Math.round(Number(target.value));
    target.dispatchEvent(new InputEvent("input", { bubbles: true }));
    correcting = false;
  }
}, true);

// The browser's arrow keys move between radio buttons of one name, but Gradio gives each a name of its own.

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

document.addEventListener("keydown", (event) => {
  const { target, key, altKey, ctrlKey, metaKey } = event;
  if (!(key in STEPS) || altKey || ctrlKey || metaKey || target.type !== "radio") return;
  event.preventDefault();
  const group = [...target.closest(".block").querySelectorAll("input[type=radio]")];
  const next = group.at((group.indexOf(target) + STEPS[key]) % group.length);
  next.focus();
  next.click();
});

// In a list of classes that can be searched, the text that a visitor types replaces the name of the chosen class.

document.addEventListener("click", ({ target }) => {
  if (target.matches("input[role=combobox]:not([readonly])")) target.select();
});

// Gives all changes of a tab within a few milliseconds the same value, which then changes once.

const SIMULTANEOUS = 20; // milliseconds
const changes = {};

function changesOf(tab) {
  changes[tab] ??= new Promise((resolve) => setTimeout(() => {
    delete changes[tab];
    resolve([String(performance.now())]);
  }, SIMULTANEOUS));
  return changes[tab];
}

// Hides a preview that the browser cannot show; the message next to it gives the reason.
function setPreview(event) {
  if (event.target.closest?.("#picture")) {
    event.target.style.visibility = event.type === "error" ? "hidden" : "";
  }
}

document.addEventListener("error", setPreview, true);
document.addEventListener("load", setPreview, true);

// On a phone, results are below the controls that change them.

function showResults(id) {
  const results = document.getElementById(id);
  const { top } = results.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) results.scrollIntoView({ block: "start" });
}

let opened = false; // the first picture appears without a visitor's choice

function showAnswer() {
  const { top, bottom } = document.getElementById("prediction").getBoundingClientRect();
  if (opened && (top < 0 || bottom > innerHeight)) document.getElementById("tabs").scrollIntoView({ block: "start" });
  opened = true;
}

// Gradio removes the picture at hand when the clipboard holds none.

document.addEventListener("click", async (event) => {
  const button = event.target.closest('#picture [aria-label="Paste from clipboard"]');
  if (!button || button.checked) return;
  event.stopPropagation();
  let items;
  try {
    items = await navigator.clipboard.read();
  } catch {
    say(button, "The browser does not allow access to the clipboard. Choose a file instead.");
    return;
  }
  const found = items.some((item) => item.types.some((type) => type.startsWith("image/")));
  say(button, found ? "" : "The clipboard holds no picture. Copy one first.");
  if (!found) return;
  button.checked = true;
  button.click();
  button.checked = false;
}, true);

// The link: the address holds each value that differs from the initial one. Browsers limit how often it may change.

const pending = new Map();
let timer;

function forgetLink(names) {
  for (const name of names.split(",")) setLink(name, null, null);
}

function setLink(name, value, initial) {
  const same = value === null || value === "" || JSON.stringify(value) === JSON.stringify(initial);
  const texts = [value].flat().map((item) => (typeof item === "boolean" ? String(Number(item)) : String(item)));
  pending.set(name, same ? null : texts.length ? texts : [""]);
  clearTimeout(timer);
  timer = setTimeout(writeLink, 250);
}

function writeLink() {
  const query = new URLSearchParams(location.search);
  for (const [name, texts] of pending) {
    query.delete(name);
    for (const text of texts ?? []) query.append(name, text);
  }
  pending.clear();
  const search = query.size ? `?${query}` : "";
  if (search === location.search) return;
  history.replaceState(history.state, "", location.pathname + search);
  // A Space on Hugging Face runs in a frame; its page then shows the same values in its own address.
  if (window.parent !== window) window.parent.postMessage({ queryString: query.toString() }, "https://huggingface.co");
}

async function copyLink(button) {
  await new Promise((resolve) => setTimeout(resolve, 300)); // a number that is being typed is still to come
  writeLink();
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Link copied";
  } catch {
    prompt("Copy this link:", location.href); // the browser does not allow access to the clipboard
  }
  setTimeout(() => (button.textContent = "Copy link"), 2000);
}

// Saving a map: the picture, enlarged without smoothing, under its heat map with the opacity of the page.

const SAVED_SIDE = 512; // pixels

async function saveMap(button) {
  const stack = button.previousElementSibling;
  const style = getComputedStyle(stack);
  const picture = new Image();
  picture.src = style.backgroundImage.slice(5, -2); // url("…")
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SAVED_SIDE;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(picture, 0, 0, SAVED_SIDE, SAVED_SIDE);
  pen.imageSmoothingEnabled = true;
  pen.globalAlpha = style.getPropertyValue("--heat-opacity");
  pen.drawImage(stack.querySelector(".heat"), 0, 0, SAVED_SIDE, SAVED_SIDE);
  const link = document.createElement("a");
  link.href = canvas.toDataURL("image/png");
  link.download = `${stack.getAttribute("aria-label").replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")}.png`.toLowerCase();
  link.click();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button, a");
  if (button?.matches(".save")) saveMap(button);
  else if (button?.id === "copy-link") copyLink(button);
  else if (button?.matches(".open")) document.querySelector('#tabs [data-tab-id="classify"]').focus(); // else focus is lost
  else if (button?.dataset.tab) {
    event.preventDefault();
    document.querySelector(`#tabs [data-tab-id="${button.dataset.tab}"]`).click();
    requestAnimationFrame(() => {
      const section = document.querySelector(button.getAttribute("href"));
      section.tabIndex = -1;
      section.focus({ preventScroll: true });
      section.scrollIntoView();
    });
  }
});
