import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
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


def test_drawing_again_gives_the_same_bytes_and_changes_no_setting(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    for name in ("a", "b"):
        save_png(tmp_path / name, draw())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert render_svg(draw(), "x", "a line") == render_svg(draw(), "x", "a line")
    assert dict(matplotlib.rcParams) == before


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


DRAW = """
import sys; from pathlib import Path; import stages, matplotlib.pyplot
from cifarlens.figures.confusion import confusion_figure
from cifarlens.figures.style import render_svg, save_png
figure = confusion_figure(__import__("numpy").eye(2, dtype=int), ("cat", "dog"))
save_png(Path(sys.argv[1]), figure)
print(render_svg(figure, "x", "x"), Path(sys.argv[1]).read_bytes())
"""
SETTINGS = """
text.usetex: True\nfont.size: 30\nimage.lut: 3\nsavefig.bbox: tight\nfigure.autolayout: True
path.sketch: 1, 100, 2\naxes.formatter.use_locale: True\nbackend: nonsense\nwithout a colon
"""


def test_no_setting_of_the_user_changes_or_breaks_a_figure(tmp_path: Path) -> None:
    for name, content in (("none", b""), ("set", SETTINGS.encode()), ("old", b"font.size: \xe9")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "matplotlibrc").write_bytes(content)
    drawn = set()
    for current, variable, value in [
        *(("none", "MPLBACKEND", ""), ("set", "MPLBACKEND", "module://notebook")),
        *(("old", "MPLBACKEND", "nonsense"), ("none", "MATPLOTLIBRC", str(tmp_path / "old"))),
        ("..", "MPLCONFIGDIR", str(tmp_path / "set")),
    ]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), variable: value}
        command, folder = [sys.executable, "-c", DRAW, tmp_path / "a.png"], tmp_path / current
        process = subprocess.run(command, cwd=folder, env=environment, capture_output=True)
        assert process.returncode == 0, process.stderr
        drawn.add(process.stdout)
    assert len(drawn) == 1
