"""Writes the facts about the network: its parts, its training and its accuracy."""

from collections.abc import Sequence
from typing import Any

from ....display.formats import percent
from ..contents import Contents
from ..page.confusion import MAX_CLASSES, confused_pairs, confusion_table
from .drawing import draw_network, tabulate_network
from .section import Section, plain, table

PAIRS = 5  # most confused pairs in the README
FITS = {  # what happens to a picture that is not square
    "crop": "cropped to its centre square",
    "pad": "made square with black borders",
}
UNEVEN = 0.02  # difference of balanced accuracy and accuracy that is worth a sentence; our choice
CALIBRATED = 0.01  # calibration error of probabilities that need no caution; our choice


def network(contents: Contents) -> Section:
    """Describes the network and its data, and draws the network."""
    card, config = contents.card, contents.bundle.config
    side, dataset = config.image_size, card.dataset
    held_out = f" Another {card.held_out:,} were held out to choose settings."
    link = f" from\n[{dataset['name']}]({dataset['link']}):" if dataset["link"] else "."
    return Section(
        f"""## Network and data

The network is `{config.architecture}` with {card.parameters:,} parameters. Each picture is
{FITS[card.fit]} and resized to {side}×{side} pixels.

It was trained on {card.train_images:,} images and tested on {card.test["images"]:,} others\
{link} {dataset["about"]}{held_out if card.held_out else ""}
{_classes(contents.classes)}""",
        drawing=draw_network(contents.bundle),
        table=tabulate_network(contents.bundle),
    )


def _classes(names: Sequence[str]) -> str:
    """Lists the classes; many are folded."""
    count, listed = len(names), ", ".join(map(plain, names))
    if count <= MAX_CLASSES:
        return f"The {count} classes are {listed}."
    return f"\n<details><summary>The {count} classes</summary>\n\n{listed}\n\n</details>"


def training(contents: Contents) -> Section:
    """Lists the settings of the training."""
    return Section(f"## Training\n\n{table(['setting', 'value'], contents.card.recipe)}")


def accuracy(contents: Contents) -> Section:
    """Describes the results on the test images, with the confusion matrix."""
    test, classes = contents.card.test, contents.classes
    low, high = (percent(bound) for bound in test["interval"])
    rows = [[plain(name), percent(share, 2)] for name, share in _class_shares(contents)]
    many = len(classes) > len(rows)
    lowest = f"The {len(rows)} classes with the fewest correct answers:\n\n" if many else ""
    pairs = confused_pairs(test["confusion"], PAIRS)
    return Section(
        f"""## Accuracy

The network was evaluated once, after training, on {test["images"]:,} test images. It classified
{test["correct"]:,} of them correctly, **{percent(test["accuracy"], 2)}**. For other images of this
kind, the accuracy is between {low} and {high} with 95% confidence. The mean cross-entropy is
{test["loss"]:.4f}.{_balanced(test)}

{_calibration(test)}{_temperature(contents)}

{_confusion(contents, pairs)}

{lowest}{table(["class", "correct"], rows)}""",
        drawing=confusion_table(classes, test["confusion"]),
        table=table(
            ["true class", "predicted class", "test images"],
            [[plain(classes[true]), plain(classes[label]), f"{n:,}"] for true, label, n in pairs],
        )
        if pairs
        else "",
    )


def _balanced(test: dict[str, Any]) -> str:
    """Returns the mean accuracy of the classes if frequent classes hide that of rare ones."""
    shares = test["classes"].values()
    mean = sum(shares) / len(shares)
    if abs(mean - test["accuracy"]) < UNEVEN:
        return ""
    return f" The balanced accuracy, the mean over the classes, is {percent(mean, 2)}."


def _class_shares(contents: Contents) -> list[tuple[str, float]]:
    """Returns name and accuracy of each class; of many classes, those with the lowest accuracy."""
    shares = list(contents.card.test["classes"].items())
    if len(contents.classes) <= MAX_CLASSES:
        return shares
    return sorted(shares, key=lambda item: item[1])[:MAX_CLASSES]


def _calibration(test: dict[str, Any]) -> str:
    """Compares the probabilities of the answers with how many are right."""
    error, gap = test["calibration_error"], test["confidence"] - test["accuracy"]
    if error < CALIBRATED:
        verdict = "So the probabilities fit: of answers with 80%, about 80% are right."
    elif abs(gap) < error / 2:
        verdict = "Both agree on average, but some answers are too sure and others too unsure."
    elif gap < 0:
        verdict = (
            "On average the network is too unsure: its answers are right more often than their"
            " probabilities say."
        )
    else:
        verdict = (
            "On average the network is too sure: its answers are right less often than their"
            " probabilities say."
        )
    return (
        f"The mean probability of its answers is {percent(test['confidence'])}, and"
        f" {percent(test['accuracy'])} of them are right. {verdict} The expected calibration error,"
        f" the mean gap between the two, is {100 * error:.1f} percentage points."
    )


def _temperature(contents: Contents) -> str:
    """Says how held-out images made the probabilities fit."""
    temperature, held_out = contents.bundle.temperature, contents.card.held_out
    if temperature == 1:
        return ""
    return (
        f" The logits are divided by {temperature:.3g} before they become probabilities. This"
        f" temperature was fitted on the {held_out:,} held-out images."
    )


def _confusion(contents: Contents, pairs: list[tuple[int, int, int]]) -> str:
    """Names the most frequent confusion."""
    if not pairs:
        return "It confused no classes."
    true, predicted, count = pairs[0]
    total = sum(contents.card.test["confusion"][true])
    name, wrong = plain(contents.classes[true]), plain(contents.classes[predicted])
    return (
        f"Its most frequent confusion: it took {count:,} of the {total:,} images of **{name}** for"
        f" **{wrong}**."
    )


def licence(contents: Contents) -> Section:
    """Names the licences of the code and of the images."""
    stated = contents.card.dataset["licence"] or "Their licence is not stated."
    images = f"The example and mistake images come from the\ndataset. {stated}"
    if contents.lacks_images:
        images = "So are the\nexamples, which a program drew."
    return Section(f"""## Licence

The code and the weights are under the MIT licence. {images}""")
