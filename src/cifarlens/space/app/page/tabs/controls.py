"""Makes the controls that the tabs share, and connects them to the functions that answer."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ...choices import (
    ALL_METHODS,
    GRAD_CAM,
    LAYERS,
    MAP_COUNT,
    METHOD,
    OCCLUSION,
    OPACITY,
    SHOW_MAPS,
    TOP_CLASSES,
    describe_method,
    verdict,
)
from ...contents import Contents
from ..components import PageSlider

CONCURRENCY = 4  # one torch thread each; the fastest of four settings measured on two cores
INITIAL_MAPS = 3
LAYERS_INFO = "Later layers are coarser but more specific to a class"

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
COMPUTE: dict[str, Any] = {"concurrency_limit": CONCURRENCY, "concurrency_id": "network"}
UPDATE: dict[str, Any] = {**PRIVATE, **COMPUTE, "trigger_mode": "always_last"}
INSTANT: dict[str, Any] = {**PRIVATE, "show_progress": "hidden", "queue": False}
# By default, Gradio ignores a click while it waits for the answer to the one before.
EVERY_CLICK: dict[str, Any] = {**INSTANT, "trigger_mode": "multiple"}
# Reports the picture whose button was clicked, in HTML that a component shows.
SELECT_SOURCE = """element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-source]");
  if (button) trigger("select", { source: button.dataset.source });
});"""


def slider(high: int, value: int, label: str, info: str | None = None) -> PageSlider:
    """Returns a slider from 1 to `high` that starts at `value`, or at `high` if that is lower."""
    return PageSlider(
        *(1, max(high, 2)),  # Gradio refuses a slider with a single value
        min(value, high),
        step=1,
        label=label,
        info=info,
        precision=0,
        buttons=[],
        visible=high > 1,
    )


def answer_settings(contents: Contents) -> tuple[PageSlider, gr.Checkbox]:
    """Adds the number of top classes and the switch of the heat maps."""
    high = contents.max_top
    with gr.Group():
        top = slider(high, contents.top_classes, TOP_CLASSES, f"1 to {high}")
        info = "They show where the network found evidence"
        show = gr.Checkbox(True, label=SHOW_MAPS, info=info, min_width=200)
    return top, show


def maps_slider(contents: Contents) -> PageSlider:
    return slider(contents.max_top, INITIAL_MAPS, MAP_COUNT, "One for each of the top classes")


def opacity_slider(contents: Contents, results: str) -> PageSlider:
    """Returns a slider that sets a CSS variable of the element `results` without a request."""
    opacity = PageSlider(
        *(0, 100, contents.opacity), step=5, label=OPACITY, precision=0, buttons=[]
    )
    script = f"(percent) => {{ setHeatOpacity('{results}', percent); return []; }}"
    opacity.change(None, opacity, None, js=script, **PRIVATE)
    return opacity


def layer_choices(contents: Contents, method: str) -> list[tuple[str, str]]:
    """Returns label and value of each layer; the label says how the method's maps were tested."""
    return [
        (f"{name} · {width}×{height}\n{verdict(contents, name, method)[0]}", name)
        for name, (height, width) in contents.layers.items()
    ]


def one_layer(contents: Contents) -> gr.Radio:
    choices = layer_choices(contents, GRAD_CAM)
    return gr.Radio(choices, value=choices[-1][1], label="Layer", elem_classes="cells")


def several_layers(contents: Contents) -> gr.CheckboxGroup:
    choices = layer_choices(contents, GRAD_CAM)
    return gr.CheckboxGroup(
        choices,
        value=[choices[-1][1]],
        label=LAYERS,
        info=LAYERS_INFO,
        elem_classes="cells",
    )


def method_choice(contents: Contents, layers: gr.CheckboxGroup) -> gr.Radio:
    """Returns the choice of a method, which updates the labels of `layers`."""
    choices = [(f"{name}\n{describe_method(contents, name)}", name) for name in ALL_METHODS]
    method = gr.Radio(choices, value=GRAD_CAM, label=METHOD, elem_classes="cells")

    def update(name: str) -> Any:
        if name == OCCLUSION:  # hidden layers would move the choice under the visitor's pointer
            return gr.update(interactive=False, info="Occlusion does not use them")
        choices = layer_choices(contents, name)
        return gr.update(choices=choices, interactive=True, info=LAYERS_INFO)

    method.change(update, method, layers, **INSTANT)
    return method


def reveal(switch: gr.Checkbox, settings: gr.Group) -> None:
    """Shows `settings` only while `switch` is on."""
    switch.change(lambda on: gr.update(visible=bool(on)), switch, settings, **INSTANT)


def connect(name: str, handler: Callable[..., Any], inputs: list[Any], outputs: list[Any]) -> None:
    """Answers changes of `inputs` with `handler`, whose address is `page_{name}`.

    A link or a cell of the confusion matrix changes several inputs at once. Gradio would send a
    request for each change and show the answer that arrives last, so the page's script makes
    simultaneous changes one.
    """
    changed = gr.Textbox("", label="changed", visible=False)
    for component in inputs:
        component.change(None, None, changed, js=f"() => changesOf('{name}')", **INSTANT)
    changed.change(
        handler,
        inputs,
        outputs,
        show_progress="minimal",
        show_progress_on=outputs[:1],
        api_name=f"page_{name}",
        **UPDATE,
    )
