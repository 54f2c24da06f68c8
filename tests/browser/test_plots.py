"""What `dvc plots show` makes of the project's plots, in a browser that may not go online."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from cifarlens.runtime.files import write_csv

ROOT = Path(__file__).parents[2]
TITLES = {
    "Test images": ["Confusion matrix", "Accuracy of each class", "Calibration"],
    "Saliency maps": ["Faithfulness", "Randomisation test"],
    "Training": ["Loss", "Accuracy", "Learning rate", "Learning-rate finder"],
    "Pictures": ["Ramp"],
}
CONFUSION = [("cat", "cat", 12), ("cat", "dog", 3), ("frog", "cat", 1)]


def dvc(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def plots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the project's own plots, with three epochs and no held-out images."""
    folder = tmp_path_factory.mktemp("plots")
    dvc(folder, "init", "--no-scm")
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    shutil.copy(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    dvc(folder, "config", "core.no_scm", "true")
    tables = folder / "reports" / "plots"
    shutil.copytree(ROOT / "reports" / "plots", tables)
    header = ["epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
    epochs = [(epoch, 0.01, 20 / epoch, 0.3 * epoch, None, None) for epoch in (1, 2, 3)]
    write_csv(tables / "train.csv", header, epochs)
    write_csv(tables / "confusion.csv", ["actual", "predicted", "images"], CONFUSION)
    (folder / "reports" / "gradcam").mkdir()
    Image.linear_gradient("L").resize((2000, 90)).save(folder / "reports" / "gradcam" / "ramp.png")
    listed = yaml.safe_load((ROOT / "dvc.yaml").read_text())["plots"]
    stage = {"cmd": "true", "plots": [{"reports/plots/train.csv": {"cache": False}}]}
    content = {"plots": listed, "stages": {"train": stage}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump(content))
    dvc(folder, "plots", "show")
    return folder / "dvc_plots" / "index.html"


@pytest.fixture
def shown(plots, page):
    page.goto(plots.as_uri())
    page.locator("canvas").nth(8).wait_for()
    return page


def draw(plots: Path, page, plot: str, script: str) -> Any:
    """Returns the result of a script that gets the view of a plot and all items that it draws."""
    text = re.search(rf'id = "{plot}".*?var spec = ({{.*?}});\n', plots.read_text(), re.DOTALL)[1]
    return page.evaluate(
        """async ([spec, script]) => {
            const grid = document.querySelector(".plots");
            const place = grid.appendChild(document.createElement("div"));
            const {view} = await vegaEmbed(place, spec);
            const items = item => item.items ? item.items.flatMap(items) : [item];
            return eval(script)(view, items(view.scenegraph().root));
        }""",
        [json.loads(text), script],
    )


def words(plots: Path, page, plot: str) -> list[str]:
    script = "(view, items) => items.map(item => item.text).filter(text => text !== undefined)"
    return [str(text) for text in draw(plots, page, plot, script)]


def test_the_page_draws_each_result_once_under_its_heading_and_offline(shown):
    titles = shown.evaluate(
        """Object.fromEntries([...document.querySelectorAll("section")].map(section => [
            section.querySelector("h2").textContent,
            [...section.querySelectorAll("h3")].map(title => title.textContent),
        ]))"""
    )
    assert titles == TITLES
    assert shown.locator("canvas").count() == 9
    assert shown.evaluate("document.images[0].naturalWidth") == 2000
    assert shown.evaluate("document.images[0].width") < 640  # half a page
    # A canvas of one colour would be an empty plot.
    colours = shown.evaluate(
        """[...document.querySelectorAll("canvas")].map(canvas => new Set(new Uint32Array(
            canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer
        )).size)"""
    )
    assert min(colours) > 20


def test_the_page_fits_a_phone(shown):
    shown.set_viewport_size({"width": 390, "height": 800})
    shown.reload()
    shown.locator("canvas").nth(8).wait_for()
    assert shown.evaluate("document.documentElement.scrollWidth") == 390


def test_epochs_are_whole_and_missing_values_are_neither_zeros_nor_in_the_legend(plots, shown):
    text = words(plots, shown, "Training__loss")
    assert {"1", "2", "3", "training"} <= set(text)
    assert not {"1.5", "2.5", "validation"} & set(text)
    drawn = draw(
        plots,
        shown,
        "Training__loss",
        """(view, items) => items.filter(item => item.mark.marktype === "line")
            .map(item => item.y === view.scale("y")(0))""",
    )
    assert drawn == 3 * [False]


def test_the_confusion_matrix_has_numbers_and_a_column_for_each_true_class(plots, shown):
    text = words(plots, shown, "Test_images__confusion_matrix")
    assert {"12", "3", "1", "predicted class"} <= set(text)
    assert all(text.count(name) == 2 for name in ("cat", "dog", "frog"))


def test_classes_spread_over_the_whole_axis_best_first(plots, shown):
    positions = draw(
        plots,
        shown,
        "Test_images__accuracy_of_each_class",
        """(view, items) => items.filter(item => item.mark.marktype === "symbol"
            && item.datum?.accuracy).map(item => [item.y, item.x])""",
    )
    columns = [x for _, x in sorted(positions)]
    assert columns == sorted(columns, reverse=True)
    assert columns[0] - columns[-1] > 300  # pixels


def test_the_finder_has_a_logarithmic_axis_and_a_thick_smoothed_line(plots, shown):
    plot = "Training__learning-rate_finder"
    assert {"loss of each step", "smoothed"} <= set(words(plots, shown, plot))
    script = """(view, items) => {
        const x = view.scale("x"), lines = items.filter(item => item.mark.marktype === "line");
        const widths = lines.map(item => [item.datum.field, item.strokeWidth]);
        return [x.type, x(0.1) - x(0.01) - (x(0.01) - x(0.001)), Object.fromEntries(widths)];
    }"""
    kind, difference, widths = draw(plots, shown, plot, script)
    assert kind == "log"
    assert abs(difference) < 1e-6
    assert widths == {"loss": 1, "smooth": 3}


def test_policy_of_the_page_forbids_the_network(plots, page, faults):
    page.goto(plots.as_uri())
    outcome = page.evaluate(
        "fetch('http://127.0.0.1:1/').then(() => 'sent', error => error.constructor.name)"
    )
    assert outcome == "TypeError"
    assert any("Content Security Policy" in fault for fault in faults)
    faults.clear()
