"""Builds the folder to push to Hugging Face as a Space.

The folder is built next to its target and then moved there. The same inputs give the same bytes.
This module does not depend on DVC.
"""

import io
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from ...classifier.bundle import CONFIG, WEIGHTS, Bundle, load_bundle
from ...dataset.arrays import Dataset
from ...evaluation.cases import all_cases, most_confident_mistakes, varied_mistakes
from ...evaluation.metrics import DIGITS, Evaluation, wilson_interval
from ...params import Space
from ...pictures.fit import Fit
from ...runtime.files import read_csv, write_bytes, write_json, write_text
from ...sources import SOURCES
from ..app import about, contents
from .model_card import MODEL_CARD, render_model_card
from .requirements import read_pins
from .shipped import FILES, ROOT, SOURCE_FILES, TEMPLATES, THUMBNAIL
from .thumbnail import draw_thumbnail

MAX_EXAMPLES = 20  # four rows on the page
MAX_SLUG = 40  # characters of a class name in a file name
PYTHON = "3.12"  # for the Space; requirements.lock supports it


@dataclass(frozen=True)
class Ingredients:
    """Holds the inputs of a Space.

    Attributes:
        model: folder of the model bundle.
        dataset: provides test images and the class names.
        test_logits: logits of these images, float32, N×classes.
        test: metrics on all test images, see `describe_test`.
        train_images: number of images that trained the network.
        held_out: number of training images held out, which did not train the network.
        temperature: divides the logits; 1 without held-out images.
        trust: the verdicts on the heat maps, see `read_trust`.
        lock: path of requirements.lock, which pins every version.
        source: where the data came from, a key of `SOURCES`.
        space: the number of mistakes to ship and of top classes to show first.
        opacity: initial opacity of the heat maps, 0 to 1.
        recipe: names and values of the training settings, in display order.
        runs: this run and others of the same recipe, see `read_runs`, or nothing.
        fit: how a picture becomes a square, as for the training images.
    """

    model: Path
    dataset: Dataset
    test_logits: np.ndarray
    test: Mapping[str, Any]
    train_images: int
    trust: contents.Trust
    lock: Path
    source: str
    space: Space
    opacity: float
    recipe: Mapping[str, str]
    held_out: int = 0
    temperature: float = 1.0
    runs: Sequence[Mapping[str, str]] = ()
    fit: Fit = "crop"

    @property
    def scaled_logits(self) -> np.ndarray:
        """Returns the test logits divided by the temperature, float32, N×classes."""
        return self.test_logits / self.temperature


def package_space(target: Path, ingredients: Ingredients) -> None:
    """Replaces the folder `target` with a new Space; raises BundleError for an unusable model."""
    bundle = load_bundle(ingredients.model)
    target = target.resolve()  # it may be a link to a larger disk
    folder = target.with_name(f".{target.name}.part")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _build(folder, bundle, ingredients)
        shutil.rmtree(target, ignore_errors=True)
        folder.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(folder: Path, bundle: Bundle, ingredients: Ingredients) -> None:
    for name in SOURCE_FILES:
        write_bytes(folder / name, (ROOT / name).read_bytes())
    for name in (WEIGHTS, CONFIG):
        write_bytes(folder / contents.MODEL / name, (ingredients.model / name).read_bytes())
    _write_examples(folder / contents.EXAMPLES, ingredients)
    _write_mistakes(folder, ingredients)
    source = SOURCES[ingredients.source]
    card = contents.Card(
        dataset={
            "name": source.title,
            "link": source.link or "",
            "about": source.about,
            "licence": source.licence,
        },
        parameters=sum(p.numel() for p in bundle.network.parameters()),
        train_images=ingredients.train_images,
        held_out=ingredients.held_out,
        temperature=ingredients.temperature,
        recipe=[list(row) for row in ingredients.recipe.items()],
        test=dict(ingredients.test),
        trust=ingredients.trust,
        fit=ingredients.fit,
        top_classes=ingredients.space.top_classes,
        opacity=ingredients.opacity,
    )
    write_json(folder / contents.CARD, asdict(card))
    _render_templates(folder, ingredients)
    files = (path for path in folder.rglob("*") if path.is_file())
    write_json(folder / FILES, sorted(path.relative_to(folder).as_posix() for path in files))


def describe_test(result: Evaluation) -> dict[str, Any]:
    """Returns the results on the test images as in `contents.Card`."""
    return {
        **result.metrics(),
        "images": result.images,
        "correct": result.correct,
        "interval": wilson_interval(result.correct, result.images).round(DIGITS).tolist(),
        "confidence": round(result.calibration.mean_confidence, DIGITS),
        "confusion": result.confusion.tolist(),
    }


def read_trust(path: Path) -> contents.Trust:
    """Reads the verdicts on the heat maps from reports/plots/trust.csv.

    Returns:
        The verdicts as in `contents.Card`.
    """
    trust: contents.Trust = {}
    for row in read_csv(path):
        layer, _, method = row["map"].partition(" ")
        if layer != "random":  # the baseline
            verdicts = {name: row[name] == "yes" for name in ("faithful", "changes")}
            trust.setdefault(layer, {})[method or "Grad-CAM"] = verdicts
    return trust


def _write_examples(folder: Path, ingredients: Ingredients) -> None:
    """Writes a test image of each class, or of `MAX_EXAMPLES` classes spread over all.

    It is the first one that is correctly classified, or the first if none is.
    """
    labels, classes = ingredients.dataset.test_labels, ingredients.dataset.classes
    correct = ingredients.test_logits.argmax(1) == labels
    count = min(len(classes), MAX_EXAMPLES)
    for label in (rank * len(classes) // count for rank in range(count)):
        path = folder / f"{label}_{_slug(classes[label])}.png"
        indices = np.flatnonzero(labels == label)
        for index in [*indices[correct[indices]], *indices][:1]:  # a class may lack test images
            _write_image(path, ingredients.dataset, index)


def _write_mistakes(folder: Path, ingredients: Ingredients) -> None:
    """Writes some mistakes of every class, the most confident first."""
    cases = all_cases(ingredients.scaled_logits, ingredients.dataset.test_labels)
    limit = ingredients.space.mistakes
    mistakes = most_confident_mistakes(varied_mistakes(cases, limit), limit)
    rows = []
    for rank, case in enumerate(mistakes, start=1):
        row = contents.Mistake(
            file=f"{contents.MISTAKES_FOLDER}/{rank:03d}.png",
            index=case.index,
            label=case.true,
            predicted=case.predicted,
            label_probability=case.true_probability,
            predicted_probability=case.confidence,
        )
        _write_image(folder / row.file, ingredients.dataset, case.index)
        rows.append(asdict(row))
    write_json(folder / contents.MISTAKES_FOLDER / contents.INDEX, rows)


def _write_image(path: Path, dataset: Dataset, index: int) -> None:
    _write_png(path, Image.fromarray(np.array(dataset.test_images[index])))


def _write_png(path: Path, image: Image.Image) -> None:
    content = io.BytesIO()
    image.save(content, "PNG")
    write_bytes(path, content.getvalue())


def _slug(name: str) -> str:
    """Returns a class name as part of a file name."""
    return re.sub(r"[^0-9A-Za-z]+", "_", name)[:MAX_SLUG].strip("_").lower() or "class"


def _render_templates(folder: Path, ingredients: Ingredients) -> None:
    """Renders README.md, requirements.txt, .gitattributes, app.py, model card and thumbnail."""
    space, pins = contents.load_contents(folder), read_pins(ingredients.lock)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    (gradio,) = (line for line in pins if line.startswith("gradio=="))
    values = {
        "about": about.about(space),
        "dataset": space.card.dataset["name"],
        "dataset_id": SOURCES[ingredients.source].hub_id,
        "gradio": gradio.removeprefix("gradio=="),
        "lead": about.lead(space),
        "python": PYTHON,
        "title": about.title(space),
        "pins": pins,
    }
    for name, template in TEMPLATES.items():
        write_text(folder / name, environment.get_template(template).render(values))
    card = render_model_card(space, ingredients.source, ingredients.runs, environment)
    write_text(folder / MODEL_CARD, card)
    _write_png(folder / THUMBNAIL, draw_thumbnail(space))
