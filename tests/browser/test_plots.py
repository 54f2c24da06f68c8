"""What `dvc plots show` makes with the project's templates, in a browser that may not go online."""

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cifarlens.runtime.files import write_csv

ROOT = Path(__file__).parents[2]
PLOTS = """\
plots:
- Loss: {x: epoch, y: {train.csv: [train_loss, val_loss]}}
- LR finder: {x: lr, y: {lr_find.csv: [loss, smooth]}, template: log_x}
- pictures
"""


def dvc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, from the project's own `.dvc/config` and templates."""
    folder = tmp_path_factory.mktemp("plots")
    dvc(folder, "init", "--no-scm")
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    dvc(folder, "config", "core.no_scm", "true")
    epochs = [(epoch, 2 / epoch, None) for epoch in range(1, 25)]  # no held-out images
    write_csv(folder / "train.csv", ["epoch", "train_loss", "val_loss"], epochs)
    rates = [10 ** (step / 20 - 5) for step in range(101)]
    rows = [(lr, 2 + math.sin(step), 2) for step, lr in enumerate(rates)]
    write_csv(folder / "lr_find.csv", ["lr", "loss", "smooth"], rows)
    (folder / "pictures").mkdir()
    Image.linear_gradient("L").save(folder / "pictures" / "ramp.png")
    (folder / "dvc.yaml").write_text(PLOTS)
    dvc(folder, "plots", "show")
    return folder / "dvc_plots" / "index.html"


def test_page_draws_everything_offline(plots, page):
    page.goto(plots.as_uri())
    page.locator("canvas").nth(1).wait_for()
    assert page.locator("canvas").count() == 2
    assert page.evaluate("[...document.images].map(image => image.naturalWidth)") == [256]
    # A canvas of one colour would be an empty plot.
    colours = page.evaluate(
        """[...document.querySelectorAll("canvas")].map(canvas => new Set(new Uint32Array(
            canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer
        )).size)"""
    )
    assert min(colours) > 20


def test_log_x_has_a_logarithmic_axis_and_both_columns(plots, page):
    page.goto(plots.as_uri())
    page.locator("canvas").nth(1).wait_for()
    # `spec` is the last plot that DVC's page embedded: the learning-rate finder.
    result = page.evaluate(
        """async () => {
            const {view} = await vegaEmbed(document.createElement("div"), spec);
            const x = view.scale("x");
            const fields = new Set(view.data("source_0").map(row => row.field));
            const even = x(0.1) - x(0.01) - (x(0.01) - x(0.001));
            return {type: x.type, even, fields: [...fields]};
        }"""
    )
    assert result["type"] == "log"
    assert abs(result["even"]) < 1e-6
    assert sorted(result["fields"]) == ["loss", "smooth"]


def test_missing_values_are_not_drawn_as_zeros(plots, page):
    page.goto(plots.as_uri())
    spec = re.search(r'id = "Loss".*?var spec = ({.*?});\n', plots.read_text(), re.DOTALL)[1]
    drawn = page.evaluate(
        """async spec => {
            const {view} = await vegaEmbed(document.createElement("div"), spec);
            const points = item => item.items ? item.items.flatMap(points) : [item];
            const line = item => item.mark.marktype === "line" && item.defined;
            const zero = view.scale("y")(0);
            return points(view.scenegraph().root).filter(line).map(item => item.y === zero);
        }""",
        json.loads(spec),
    )
    assert drawn == 2 * 24 * [False]  # train_loss, smoothed and as it is


def test_policy_of_the_page_forbids_the_network(plots, page, faults):
    page.goto(plots.as_uri())
    outcome = page.evaluate(
        "fetch('http://127.0.0.1:1/').then(() => 'sent', error => error.constructor.name)"
    )
    assert outcome == "TypeError"
    assert any("Content Security Policy" in fault for fault in faults)
    faults.clear()
