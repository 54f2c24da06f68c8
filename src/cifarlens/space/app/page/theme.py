"""Defines the demo's colours and fonts for light and dark mode. `style.css` uses the variables."""

import gradio as gr
import numpy as np

from ....display.heatmap import COLOURS, heat_colours

SYSTEM_FONTS = ["system-ui", "sans-serif"]  # the page downloads no fonts
LIGHT = {
    "background_fill_secondary": "*neutral_100",
    "block_background_fill": "white",
    "block_border_color": "*neutral_200",
    "block_info_text_color": "*neutral_600",
    "block_label_background_fill": "white",
    "block_label_text_color": "*neutral_700",
    "block_shadow": "0 1px 2px rgb(15 23 42 / 6%)",
    "block_title_text_color": "*neutral_800",
    "body_background_fill": "*neutral_50",
    "body_text_color_subdued": "*neutral_600",
    "checkbox_background_color_selected": "*primary_600",
    "checkbox_border_color_selected": "*primary_600",
    "color_accent": "*primary_600",
    "link_text_color": "*primary_700",
    "slider_color": "*primary_600",
}
DARK = {
    "background_fill_secondary": "*neutral_800",
    "block_background_fill": "#141d31",
    "block_border_color": "#2a3650",
    "block_info_text_color": "*neutral_300",
    "block_label_background_fill": "#141d31",
    "block_label_text_color": "*neutral_300",
    "block_shadow": "none",
    "block_title_text_color": "*neutral_100",
    "body_background_fill": "#0b1120",
    "body_text_color_subdued": "*neutral_300",
    "checkbox_background_color_selected": "*primary_500",
    "checkbox_border_color_selected": "*primary_500",
    "link_text_color": "*primary_300",
    "slider_color": "*primary_400",
}


def theme() -> gr.themes.Base:
    """Returns Gradio's default theme with one accent colour and a contrast of at least 4.5."""
    base = gr.themes.Default(
        primary_hue="indigo",
        neutral_hue="slate",
        radius_size="lg",
        font=SYSTEM_FONTS,
        font_mono=["ui-monospace", "monospace"],
    )
    return base.set(**_both("", LIGHT), **_both("_dark", DARK))


def _both(suffix: str, values: dict[str, str]) -> dict[str, str]:
    return {f"{name}{suffix}": value for name, value in values.items()}


def heat_rule(opacity: float) -> str:
    """Returns CSS variables for the colour scale and initial opacity of heat maps, and the logo."""
    values = np.linspace(0, 1, len(COLOURS))
    colours = heat_colours(values).tolist()
    stops = [
        f"rgb({red} {green} {blue} / {alpha / 255:.0%})" for red, green, blue, alpha in colours
    ]
    rings = [f"{stop} {0.66 * (1 - value):.0%}" for value, stop in zip(values, stops, strict=True)]
    return f""":root {{
  --heat: linear-gradient(90deg, {", ".join(stops)});
  --mark: radial-gradient(circle at 62% 38%, {", ".join(reversed(rings))});
  --heat-opacity: {opacity};
}}"""
