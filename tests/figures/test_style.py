import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cifarlens.figures.style import (
    BLUE,
    DPI,
    log_axis,
    new_figure,
    percent_axis,
    render_svg,
    save_png,
    styled,
)


def draw() -> Figure:
    with styled():
        figure = new_figure(3, 2)
        axes = figure.subplots()
        axes.plot([1e-3, 1e-1], [0, 1], color=BLUE)
        log_axis(axes)
        percent_axis(axes)
        axes.set(title="$5 & <more>", xlabel="rate", ylabel="share")
    return figure


def test_png_is_dense_and_names_no_program(tmp_path: Path) -> None:
    save_png(tmp_path / "new" / "a.png", draw())
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert picture.size == (3 * DPI, 2 * DPI)
        assert "Software" not in picture.info


def test_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_png(tmp_path / name, draw())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert render_svg(draw(), "x", "a line") == render_svg(draw(), "x", "a line")


def test_settings_of_matplotlib_stay(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    save_png(tmp_path / "a.png", draw())
    render_svg(draw(), "x", "a line")
    assert dict(matplotlib.rcParams) == before


def test_svg_is_part_of_a_page() -> None:
    text = render_svg(draw(), "curve", 'a "line" & more')
    root = ET.fromstring(text)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a "line" & more'
    assert root.get("viewBox") == "0 0 216 144"
    assert root.get("width") is None
    assert "var(--blue, #0072b2)" in text
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids
    assert all(name.startswith("curve-") for name in ids)
    for unwanted in ("<style", "<!--", "DejaVu", "matplotlib.org", "<metadata"):
        assert unwanted not in text
    assert "$5 & <more>" in "".join(root.itertext())


def test_log_axis_is_labelled_in_powers_of_ten() -> None:
    text = "".join(ET.fromstring(render_svg(draw(), "x", "x")).itertext())
    assert "10⁻²" in text
    assert "50%" in text or "100%" in text


@pytest.mark.parametrize("colour", ["var(--blue, #0072b2)", "var(--ink, #1c2430)"])
def test_colours_follow_the_theme(colour: str) -> None:
    assert colour in render_svg(draw(), "x", "x")


def test_drawn_in_the_colour_asked_for(tmp_path: Path) -> None:
    save_png(tmp_path / "a.png", draw())
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    assert (pixels == (0x00, 0x72, 0xB2)).all(axis=1).any()
