"""Builds the folder to push to Hugging Face as a Space.

The folder is made whole in a temporary place and then moved; the same inputs give the same bytes.
Knows nothing of DVC.
"""

import io
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from ...classifier.bundle import CONFIG, WEIGHTS, Bundle, load_bundle
from ...dataset.arrays import Dataset
from ...evaluation.cases import all_cases, surest_mistakes
from ...params import Space
from ...runtime.files import write_bytes, write_json, write_text
from ...sources import SOURCES
from ..app import about, contents
from .shipped import LIBRARIES, PACKAGED, ROOT, TEMPLATES

PYTHON = "3.12"  # of the Space; the lock's versions run there


@dataclass(frozen=True)
class Ingredients:
    """All that a Space is made from.

    Attributes:
        model: folder of the model bundle.
        dataset: its test images and class names are used.
        test_logits: float32, N×classes, of the test images.
        test_metrics: content of metrics/evaluate.json.
        lock: the requirements file that pins every version.
        source: where the data came from, a key of `SOURCES`.
        space: how many mistakes to ship, how many classes to show at first.
        opacity: of heat maps at first, 0 to 1.
        recipe: how the network was trained, names and values in display order.
    """

    model: Path
    dataset: Dataset
    test_logits: np.ndarray
    test_metrics: Mapping[str, Any]
    lock: Path
    source: str
    space: Space
    opacity: float
    recipe: Mapping[str, str]


def package_space(target: Path, given: Ingredients) -> None:
    """Makes `target` anew; raises BundleError if the model cannot be used."""
    bundle = load_bundle(given.model)
    folder = target.with_name(f".{target.name}.part")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _build(folder, bundle, given)
        shutil.rmtree(target, ignore_errors=True)
        folder.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(folder: Path, bundle: Bundle, given: Ingredients) -> None:
    for name in PACKAGED:
        write_bytes(folder / name, (ROOT / name).read_bytes())
    for name in (WEIGHTS, CONFIG):
        write_bytes(folder / contents.MODEL / name, (given.model / name).read_bytes())
    _write_examples(folder / contents.EXAMPLES, given)
    _write_mistakes(folder, given)
    source = SOURCES[given.source]
    card = contents.Card(
        dataset={
            "name": source.title,
            "link": source.link,
            "about": source.about,
            "licence": source.licence,
        },
        parameters=sum(p.numel() for p in bundle.network.parameters()),
        recipe=[list(row) for row in given.recipe.items()],
        test=dict(given.test_metrics),
        top_classes=given.space.top_classes,
        opacity=given.opacity,
    )
    write_json(folder / contents.CARD, asdict(card))
    _write_texts(folder, pinned(given.lock, LIBRARIES))


def pinned(lock: Path, names: tuple[str, ...]) -> list[str]:
    """The requirement lines of a lock for some packages, in their order, without hashes."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [
        line.removesuffix("\\").strip()
        for name in names
        for line in lines
        if line.startswith(f"{name}==")
    ]


def _write_examples(folder: Path, given: Ingredients) -> None:
    """For each class its first test image that is classified correctly, or else its first."""
    labels = given.dataset.test_labels
    right = given.test_logits.argmax(1) == labels
    for label, name in enumerate(given.dataset.classes):
        places = np.flatnonzero(labels == label)
        for place in [*places[right[places]], *places][:1]:  # none if a class has no test image
            _write_image(folder / f"{label}_{_slug(name)}.png", given.dataset, place)


def _write_mistakes(folder: Path, given: Ingredients) -> None:
    """The most confident mistakes; among equals the earlier image first."""
    cases = all_cases(given.test_logits, given.dataset.test_labels)
    rows = []
    for rank, case in enumerate(surest_mistakes(cases, given.space.mistakes), start=1):
        row = contents.Mistake(
            file=f"{contents.MISTAKES}/{rank:03d}.png",
            index=case.index,
            label=case.true,
            predicted=case.predicted,
            label_probability=case.true_probability,
            predicted_probability=case.confidence,
        )
        _write_image(folder / row.file, given.dataset, case.index)
        rows.append(asdict(row))
    write_json(folder / contents.MISTAKES / contents.INDEX, rows)


def _write_image(path: Path, dataset: Dataset, place: int) -> None:
    content = io.BytesIO()
    Image.fromarray(np.array(dataset.test_images[place])).save(content, "PNG")
    write_bytes(path, content.getvalue())


def _slug(name: str) -> str:
    """A class name as part of a file name."""
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_").lower() or "class"


def _write_texts(folder: Path, versions: list[str]) -> None:
    """README, requirements, .gitattributes and app.py, from the folder's own contents."""
    shipped = contents.load_contents(folder)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    (gradio,) = (line for line in versions if line.startswith("gradio=="))
    values = {
        "about": about.about(shipped),
        "dataset": shipped.card.dataset["name"],
        "gradio": gradio.removeprefix("gradio=="),
        "lead": about.lead(shipped),
        "python": PYTHON,
        "title": about.title(shipped),
        "versions": versions,
    }
    for name, template in TEMPLATES.items():
        write_text(folder / name, environment.get_template(template).render(values))
