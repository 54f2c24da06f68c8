import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from cifarlens.figures.style import (
    BLUE,
    DPI,
    figure_style,
    new_figure,
    render_svg,
    save_png,
    set_log_axis,
    set_percent_axis,
)


def draw() -> Figure:
    with figure_style():
        figure = new_figure(3, 2)
        axes = figure.subplots()
        axes.plot([1e-3, 1e-1], [0, 1], color=BLUE)
        set_log_axis(axes)
        set_percent_axis(axes)
        axes.set(title="$5 & <more>", xlabel="rate", ylabel="share")
    return figure


def test_a_png_is_sharp_and_does_not_name_a_program(tmp_path: Path) -> None:
    save_png(tmp_path / "new" / "a.png", draw())
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.size == (3 * DPI, 2 * DPI)
        assert "Software" not in picture.info
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (pixels == (0x00, 0x72, 0xB2)).all(axis=1).any()


def test_an_svg_is_part_of_a_page() -> None:
    text = render_svg(draw(), "curve", 'a "line" & more')
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a "line" & more'
    assert root.get("viewBox") == "0 0 216 144"
    assert root.get("width") is None
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids
    assert all(name.startswith("curve-") for name in ids)
    for colour in ("var(--blue, #0072b2)", "var(--ink, #1c2430)"):
        assert colour in text
    for standalone in ("<style", "<!--", "DejaVu", "matplotlib.org", "<metadata"):
        assert standalone not in text
    for words in ("$5 & <more>", "10⁻²", "100%"):
        assert words in "".join(root.itertext())
