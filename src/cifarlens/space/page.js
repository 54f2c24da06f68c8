// What the page needs beyond Gradio: opacity without a request, and names for example buttons.

function setHeatOpacity(results, percent) {
  document.getElementById(results)?.style.setProperty("--heat-opacity", percent / 100);
}

function nameExamples() {
  for (const button of document.querySelectorAll("#examples .gallery-item")) {
    const file = decodeURIComponent(button.querySelector("img")?.src ?? "").split("/").pop();
    const name = file.match(/^\d+_(.+)\.png$/)?.[1];
    if (name) button.setAttribute("aria-label", `Example: ${name.replaceAll("_", " ")}`);
  }
}

new MutationObserver(nameExamples).observe(document, { childList: true, subtree: true });

// A preview that the browser cannot show says nothing: the sentence beside it does.
function setPreview(event) {
  if (event.target.closest?.("#picture")) {
    event.target.style.visibility = event.type === "error" ? "hidden" : "";
  }
}

document.addEventListener("error", setPreview, true);
document.addEventListener("load", setPreview, true);
