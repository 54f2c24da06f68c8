"""Names what a visitor can choose, on the page and in the API, and selects accordingly.

This module does not depend on Gradio.
"""

from pathlib import Path

import numpy as np

from ...classifier.occlusion import OCCLUSION
from ...classifier.saliency import METHODS
from .checks import InputError, check_choice
from .contents import Contents, Mistake

TOP_CLASSES = "Number of top classes"
SHOW_MAPS = "Show Grad-CAM images"
MAP_COUNT = "Number of Grad-CAM images"
TARGETS = "Classes to explain"
OPACITY = "Heat-map opacity (%)"
LAYERS = "Layers"
METHOD = "Method"
SHARED_SCALE = "One scale for all classes"
RAW = "Show raw maps"
SHOW_MISTAKES = "Show misclassified images"
MISTAKE_COUNT = "Number of misclassified images"
TRUE_CLASS = "True class"
PREDICTED_CLASS = "Predicted class"
EXPLAIN = "Explain with Grad-CAM"

GRAD_CAM = "Grad-CAM"
ALL_METHODS = (*METHODS, OCCLUSION)
ALL_CLASSES = "all classes"
MAX_FILES = 20  # pictures at once

# What the report's two tests say of the maps, by (faithful, changes): in short, and in a sentence.
VERDICTS = {
    (True, True): (
        "passes both tests",
        "passes both tests: what it marks matters for the answer, and the map changes when the"
        " network forgets what it learned.",
    ),
    (True, False): (
        "ignores training",
        "marks what matters for the answer, but hardly changes when the network forgets what it"
        " learned. It may show edges of the picture rather than knowledge.",
    ),
    (False, True): (
        "no better than chance",
        "changes when the network forgets what it learned, but what it marks matters no more than"
        " random pixels.",
    ),
    (False, False): (
        "fails both tests",
        "fails both tests: what it marks matters no more than random pixels, and the map hardly"
        " changes when the network forgets what it learned. Do not rely on it.",
    ),
}


def most_likely(probabilities: np.ndarray, count: int) -> list[int]:
    """Returns the labels of the `count` highest probabilities, the highest first."""
    order = np.argsort(-probabilities, kind="stable")
    return [int(label) for label in order[:count]]


def select_targets(
    contents: Contents, probabilities: np.ndarray, count: int, names: object
) -> list[int]:
    """Returns the labels of the classes to explain.

    Args:
        contents: provides the class names.
        probabilities: class probabilities of the picture.
        count: number of classes if `names` is empty: the most likely ones.
        names: class names in the order to show, or an empty list.

    Raises:
        InputError: `names` is not a list of different class names, or has too many.
    """
    if not names:
        return most_likely(probabilities, count)
    if not isinstance(names, list):
        raise InputError(f"{TARGETS} must be a list of class names.")
    labels = [
        contents.classes.index(check_choice(name, contents.classes, TARGETS)) for name in names
    ]
    if len(set(labels)) < len(labels):
        raise InputError(f"{TARGETS} contains a class twice; name each class once.")
    if len(labels) > contents.max_top:
        raise InputError(f"{TARGETS} has {len(labels)} classes; choose at most {contents.max_top}.")
    return labels


def select_layers(contents: Contents, names: object) -> list[str]:
    """Returns the chosen layers from input to output; raises InputError for an unknown one."""
    if not isinstance(names, list):
        raise InputError(f"{LAYERS} must be a list of layer names.")
    chosen = {check_choice(name, list(contents.layers), LAYERS) for name in names}
    return [layer for layer in contents.layers if layer in chosen]


def select_mistakes(contents: Contents, true_class: object, predicted: object) -> list[Mistake]:
    """Returns the stored mistakes of a true and a predicted class, the most confident first.

    Raises:
        InputError: a class is neither `ALL_CLASSES` nor a class name.
    """
    names = [ALL_CLASSES, *contents.classes]
    wanted = (
        check_choice(true_class, names, TRUE_CLASS),
        check_choice(predicted, names, PREDICTED_CLASS),
    )
    return [
        mistake
        for mistake in contents.mistakes
        if all(
            name in (ALL_CLASSES, contents.classes[label])
            for name, label in zip(wanted, (mistake.label, mistake.predicted), strict=True)
        )
    ]


def verdict(contents: Contents, layer: str, method: str) -> tuple[str, str]:
    """Returns what the report's tests say of a method's maps of a layer, in short and in full."""
    tests = contents.card.trust[layer][method]
    return VERDICTS[tests["faithful"], tests["changes"]]


def describe_method(contents: Contents, method: str) -> str:
    """Returns how many layers' maps of a method pass both tests, in a few words."""
    if method == OCCLUSION:
        return "needs no gradients"
    passing = sum(all(tests[method].values()) for tests in contents.card.trust.values())
    layers = len(contents.layers)
    return (
        f"{passing or 'none'} of {layers} layers passes"
        if passing < 2
        else (f"{'all' if passing == layers else passing} of {layers} layers pass")
    )


def count_mistakes(contents: Contents, true_class: object, predicted: object) -> int:
    """Returns how many test images of a true and a predicted class were misclassified."""
    rows, columns = (
        [label for label, name in enumerate(contents.classes) if wanted in (ALL_CLASSES, name)]
        for wanted in (true_class, predicted)
    )
    confusion = contents.card.test["confusion"]
    return sum(confusion[row][column] for row in rows for column in columns if row != column)


def example_source(number: int) -> str:
    """Returns the name of an example as the source of a picture."""
    return f"example-{number}"


def mistake_source(number: int) -> str:
    """Returns the name of a mistake as the source of a picture."""
    return f"mistake-{number}"


def stored_pictures(contents: Contents) -> dict[str, Path]:
    """Returns the files of the examples and the mistakes by source."""
    mistakes = [contents.folder / mistake.file for mistake in contents.mistakes]
    return {
        **{example_source(row): file for row, file in enumerate(contents.examples)},
        **{mistake_source(row): file for row, file in enumerate(mistakes)},
    }


def find_source(contents: Contents, source: object) -> Path:
    """Returns the file of a stored picture; raises InputError for an unknown source."""
    files = stored_pictures(contents)
    if not isinstance(source, str) or source not in files:
        raise InputError("This demo has no such picture; choose an example or a mistake.")
    return files[source]
