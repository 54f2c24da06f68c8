"""Keeps the open tab, the picture and the settings in the page's address, and restores them.

The page's script writes only values that differ from the initial ones.
"""

import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
from starlette.datastructures import QueryParams

from ..checks import InputError
from ..choices import example_source, find_source
from ..contents import Contents
from .tabs.controls import INSTANT, PRIVATE

TAB, PICTURE = "tab", "picture"  # names in the address, besides those of the settings


class Link:
    """Collects the controls whose values are part of the address."""

    def __init__(self) -> None:
        self._settings: dict[str, Any] = {}

    def add(self, tab: str, **controls: Any) -> None:
        """Adds controls by name. `tab` distinguishes equal names; it is empty for Classify."""
        for key, control in controls.items():
            name = f"{tab}-{key}" if tab else key
            self._settings[name] = control
            _record(control.change, name, control, control.value)

    def connect(
        self,
        blocks: gr.Blocks,
        contents: Contents,
        tabs: gr.Tabs,
        picture: gr.Image,
        source: gr.Textbox,
    ) -> None:
        """Restores a link when the page loads. Without one, loads the first example."""
        first = example_source(0)
        _record(source.change, PICTURE, source, first)
        opened = [tab for tab in tabs.children if isinstance(tab, gr.Tab)]
        for tab in opened:
            script = f"() => {{ setLink('{TAB}', '{tab.id}', '{opened[0].id}'); return []; }}"
            tab.select(None, None, None, js=script, **INSTANT)

        def restore(request: gr.Request) -> dict[Any, Any]:
            query = request.query_params
            updates, unknown = self._restore(query)
            chosen = query.get(PICTURE, first)
            try:
                file = find_source(contents, chosen)
            except InputError:
                unknown.append(PICTURE)
                chosen, file = first, find_source(contents, first)
            updates |= {picture: str(file), source: chosen}
            if query.get(TAB, opened[0].id) not in [tab.id for tab in opened]:
                unknown.append(TAB)
            elif TAB in query:
                updates[tabs] = gr.Tabs(selected=query[TAB])
            if unknown:
                labels = [getattr(self._settings.get(name), "label", name) for name in unknown]
                text = f"This link has values that this demo does not know: {', '.join(labels)}."
                gr.Warning(f"{text} The demo uses its usual values instead.", title="Link")
                updates[refused] = ",".join(unknown)
            return updates

        refused = gr.Textbox("", label="refused", visible=False)  # names, for the page's script
        script = "(names) => { forgetLink(names); return []; }"
        refused.change(None, refused, None, js=script, **INSTANT)
        outputs = [tabs, picture, source, refused, *self._settings.values()]
        # In the queue, because Gradio shows warnings of queued events only.
        blocks.load(restore, None, outputs, show_progress="hidden", **PRIVATE)

    def _restore(self, query: QueryParams) -> tuple[dict[Any, Any], list[str]]:
        """Returns the values of controls by control, and the names whose values are not allowed."""
        updates, unknown = {}, []
        for name in sorted(query.keys() & self._settings.keys()):
            control = self._settings[name]
            try:
                updates[control] = _parse(control, query.getlist(name))
            except ValueError:
                unknown.append(name)
        return updates, unknown


def _record(event: Any, name: str, control: Any, initial: object) -> None:
    """Writes the value of a control to the address at each change, without a request."""
    # A number that is not allowed is sent before the page corrects it.
    value = (
        f"Math.round(Math.min(Math.max(value, {control.minimum}), {control.maximum}))"
        if isinstance(control, gr.Slider)
        else "value"
    )
    script = f"(value) => {{ setLink('{name}', {value}, {json.dumps(initial)}); return []; }}"
    event(None, control, None, js=script, **INSTANT)


def _parse(control: Any, values: Sequence[str]) -> Any:
    """Returns the value of a control from the address; raises ValueError if it is not allowed."""
    if isinstance(control, gr.Slider):
        number = int(values[0]) if values[0].isascii() and values[0].isdigit() else -1
        if not control.minimum <= number <= control.maximum:
            raise ValueError(number)
        return number
    if isinstance(control, gr.Checkbox):
        return ("0", "1").index(values[0]) == 1
    allowed = [value for _, value in control.choices]
    if isinstance(control, gr.CheckboxGroup) or getattr(control, "multiselect", False):
        several = [allowed[allowed.index(value)] for value in values if value]
        if len(set(several)) < len(several) or len(several) > getattr(control, "max_choices", 99):
            raise ValueError(several)
        return several
    return allowed[allowed.index(values[0])]
