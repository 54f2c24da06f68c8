"""Builds the folder to push to Hugging Face as a Space.

The folder is made whole in a temporary place and then moved; the same inputs give the same bytes.
Knows nothing of DVC.
"""

import io
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import yaml
from PIL import Image

from ...classifier.bundle import CONFIG, WEIGHTS, Bundle, load_bundle
from ...classifier.predict import softmax
from ...dataset.arrays import Dataset
from ...params import Space
from ...runtime.errors import UserError
from ...runtime.files import write_bytes, write_json, write_text
from ...sources import SOURCES
from ..app import about, contents
from .shipped import LIBRARIES, ROOT, TEMPLATES, read_sources

PYTHON = "3.12"  # of the Space; the lock's versions run there
METRICS = ("accuracy", "loss", "images", "correct", "classes")  # that the Space tells of
ROUNDED = 1e-5  # metrics are kept with six digits


@dataclass(frozen=True)
class Ingredients:
    """All that a Space is made from.

    Attributes:
        model: folder of the model bundle.
        dataset: its test images and class names are used.
        test_logits: float32, N×classes, of the test images.
        test_metrics: `accuracy`, `loss`, `images`, `correct` and, by name, `classes`.
        lock: the requirements file that pins every version.
        source: where the data came from, a key of `SOURCES`.
        space: how many mistakes to ship, how many classes to show at first.
        recipe: how the network was trained, names and values in display order.
    """

    model: Path
    dataset: Dataset
    test_logits: np.ndarray
    test_metrics: Mapping[str, Any]
    lock: Path
    source: str
    space: Space
    recipe: Mapping[str, str]


def package_space(target: Path, given: Ingredients) -> None:
    """Makes `target` anew.

    Raises:
        BundleError: the model cannot be used.
        UserError: the inputs do not fit each other, the lock lacks a version, the model's folder
            holds other files, or a packaged file is missing, a symlink, or imports too much.
    """
    bundle = load_bundle(given.model)
    _check_model_files(given.model)
    _check_fit(bundle, given)
    sources = read_sources()
    versions = pinned(given.lock, LIBRARIES)
    with _building(target) as folder:
        for name, content in sources.items():
            write_bytes(folder / name, content)
        for name in (WEIGHTS, CONFIG):
            write_bytes(folder / contents.MODEL / name, (given.model / name).read_bytes())
        _write_examples(folder / contents.EXAMPLES, given)
        _write_mistakes(folder, given)
        write_json(folder / contents.CARD, _card(bundle, given))
        _write_texts(folder, versions)


def pinned(lock: Path, names: tuple[str, ...]) -> list[str]:
    """The requirement lines of a lock for some packages, in their order, without hashes.

    Raises:
        UserError: the lock is missing, no text, or lacks a package.
    """
    try:
        lines = lock.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"{lock} is missing: restore it with `git checkout`.") from None
    except UnicodeDecodeError:
        raise UserError(f"{lock} is not UTF-8 text: restore it with `git checkout`.") from None
    found = []
    for name in names:
        pins = [line.removesuffix("\\").strip() for line in lines if line.startswith(f"{name}==")]
        if not pins:
            raise UserError(f"{lock} pins no {name}: renew it with `make lock`.")
        found += pins
    return found


@contextmanager
def _building(target: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `target` that takes its place when the block succeeds."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        if target.is_symlink() or target.is_file():
            target.unlink()
        elif target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _check_model_files(model: Path) -> None:
    for path in sorted(model.iterdir()):
        if path.name not in (WEIGHTS, CONFIG):
            raise UserError(
                f"{path} is no part of a model bundle, so it must not ship: delete it, or run"
                " `dvc repro -f -s train`."
            )
        if path.is_symlink():
            raise UserError(
                f"{path} is a symlink: run `dvc config cache.type copy`, then"
                " `dvc checkout --relink`."
            )


def _check_fit(bundle: Bundle, given: Ingredients) -> None:
    dataset, logits, metrics = given.dataset, given.test_logits, given.test_metrics
    classes = bundle.config.classes
    if dataset.classes != classes:
        raise _misfit(f"the data set's classes are {dataset.classes}, the model's {classes}")
    shape = (len(dataset.test_labels), len(classes))
    if logits.shape != shape or logits.dtype != np.float32:
        raise _misfit(f"the test logits are {logits.dtype} {logits.shape}, not float32 {shape}")
    if not np.isfinite(logits).all():
        raise _misfit("the test logits hold values that are no finite numbers")
    for key in METRICS:
        if metrics.get(key) is None:
            raise _misfit(f"the metrics lack {key}")
    correct = int((logits.argmax(1) == dataset.test_labels).sum())
    counted = (metrics.get("images"), metrics.get("correct"))
    if counted != (len(logits), correct):
        raise _misfit(
            f"the metrics count {counted[1]} correct of {counted[0]} images,"
            f" the test logits {correct} of {len(logits)}"
        )
    if abs(metrics["accuracy"] - correct / len(logits)) > ROUNDED:
        raise _misfit(
            f"the metrics' accuracy is {metrics['accuracy']}, not {correct / len(logits)}"
        )
    for name in metrics["classes"]:
        if name not in classes:
            raise _misfit(f"the metrics name the class {name!r}, which the model lacks")


def _misfit(what: str) -> UserError:
    return UserError(f"The Space's inputs do not fit: {what}; run `dvc repro` to make them anew.")


def _write_examples(folder: Path, given: Ingredients) -> None:
    """For each class its first test image that is classified correctly, or else its first."""
    labels = np.asarray(given.dataset.test_labels)
    right = given.test_logits.argmax(1) == labels
    folder.mkdir()
    for label, name in enumerate(given.dataset.classes):
        places = np.flatnonzero(labels == label)
        chosen = np.concatenate([places[right[places]], places])[:1]
        for place in chosen:  # none where a class has no test image
            _write_image(folder / f"{label}_{_slug(name)}.png", given.dataset, place)


def _write_mistakes(folder: Path, given: Ingredients) -> None:
    """The most confident mistakes; among equals the earlier image first."""
    labels = np.asarray(given.dataset.test_labels)
    probabilities = softmax(given.test_logits)
    predicted = given.test_logits.argmax(1)
    wrong = np.flatnonzero(predicted != labels)
    confidence = probabilities[wrong, predicted[wrong]]
    order = wrong[np.argsort(-confidence, kind="stable")][: given.space.mistakes]
    rows = []
    for rank, place in enumerate(order, start=1):
        row = contents.Mistake(
            file=f"{contents.MISTAKES}/{rank:03d}.png",
            index=int(place),
            label=int(labels[place]),
            predicted=int(predicted[place]),
            label_probability=float(probabilities[place, labels[place]]),
            predicted_probability=float(probabilities[place, predicted[place]]),
        )
        _write_image(folder / row.file, given.dataset, place)
        rows.append(asdict(row))
    write_json(folder / contents.MISTAKES / contents.INDEX, rows)


def _write_image(path: Path, dataset: Dataset, place: int) -> None:
    content = io.BytesIO()
    Image.fromarray(np.array(dataset.test_images[place])).save(content, "PNG")
    write_bytes(path, content.getvalue())


def _slug(name: str) -> str:
    """A class name as part of a file name."""
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_").lower() or "class"


def _card(bundle: Bundle, given: Ingredients) -> dict[str, Any]:
    metrics, source = given.test_metrics, SOURCES[given.source]
    return {
        "dataset": {
            "name": source.title,
            "link": source.link,
            "about": source.about,
            "licence": source.licence,
        },
        "parameters": sum(p.numel() for p in bundle.network.parameters()),
        "recipe": [list(row) for row in given.recipe.items()],
        "test": {key: metrics[key] for key in METRICS},
        "top_classes": given.space.top_classes,
    }


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
        "front_matter": _front_matter(shipped, gradio.removeprefix("gradio==")),
        "lead": about.lead(shipped),
        "python": PYTHON,
        "title": about.title(shipped),
        "versions": versions,
    }
    for name, template in TEMPLATES.items():
        write_text(folder / name, environment.get_template(template).render(values))


def _front_matter(shipped: contents.Contents, gradio: str) -> str:
    dataset = shipped.card["dataset"]["name"]
    return yaml.safe_dump(
        {
            "title": about.title(shipped),
            "emoji": "🔍",
            "colorFrom": "indigo",
            "colorTo": "yellow",
            "sdk": "gradio",
            "sdk_version": gradio,
            "python_version": PYTHON,
            "app_file": "app.py",
            "pinned": False,
            "license": "mit",
            "short_description": f"{dataset}: predictions, heat maps, mistakes",
            "tags": ["image-classification", "grad-cam", "explainability"],
        },
        allow_unicode=True,
        sort_keys=False,
    )
