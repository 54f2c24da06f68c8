"""Writes how to use the demo: its controls, its limits and its endpoints."""

from ....display.formats import probability
from ....pictures.decode import FORMAT_NAMES, MAX_PIXELS, MAX_PIXELS_OTHER, MIN_SIDE
from ..choices import (
    ALL_METHODS,
    EXPLAIN,
    LAYERS,
    MAP_COUNT,
    MAX_FILES,
    METHOD,
    MISTAKE_COUNT,
    PREDICTED_CLASS,
    RAW,
    SHARED_SCALE,
    SHOW_MAPS,
    SHOW_MISTAKES,
    TARGETS,
    TOP_CLASSES,
    TRUE_CLASS,
)
from ..contents import Contents
from ..page.confusion import MAX_CLASSES
from .section import Section


def controls(contents: Contents) -> Section:
    """Describes every control of the page."""
    layers = ", ".join(f"{name} ({w}×{h})" for name, (h, w) in contents.layers.items())
    return Section(f"""## What it does

**Classify** takes one picture from a file, the clipboard or a camera, or one of the examples.

- *{TOP_CLASSES}*: how many classes to show, 1 to {contents.max_top}, the most likely first.
- *{SHOW_MAPS}*: shows heat maps of where the network found evidence for a class.
- *{MAP_COUNT}*: how many heat maps to show, 1 to {contents.max_top}, one for each of the most
  likely classes.
- *{TARGETS}*: up to {contents.max_top} classes of your choice, instead of the most likely
  ones.
- *Heat-map opacity*: how strongly the heat map covers the picture. Places without evidence stay
  clear at any opacity.
- *{LAYERS}*: one or more of {layers}.
  Later layers are coarser but more specific to a class.
- *{METHOD}*: {", ".join(ALL_METHODS)}. The section on heat maps says which to trust.
- *{SHARED_SCALE}*: makes the colours of the maps comparable.
- *{RAW}*: shows each map alone, at its own resolution, beside the picture.
- *Save*, on each map: downloads it as a PNG file.
- *Copy link*: copies an address that restores the tab, the example and the settings. Your own
  picture is not part of it.

**Several** does the same for up to {MAX_FILES} pictures at once and shows a card for each.

{_mistakes(contents)}""")


def _mistakes(contents: Contents) -> str:
    shown, test = len(contents.mistakes), contents.card.test
    if contents.lacks_images:
        return "**Mistakes** is empty: the dataset was not at hand when this demo was packaged."
    if not shown:
        return "**Mistakes** is empty: the network made none."
    total = test["images"] - test["correct"]
    few = len(contents.classes) <= MAX_CLASSES
    place = "confusion matrix" if few else "table of confusions"
    return f"""**Mistakes** shows {shown:,} of the {total:,} misclassified test images, the most
confident first. They come from as many classes as possible.

- *{SHOW_MISTAKES}*: shows or hides them.
- *{MISTAKE_COUNT}*: how many to show.
- *{TRUE_CLASS}* and *{PREDICTED_CLASS}*: show only images of these classes. A number in the
  {place} chooses both, *Show all classes* removes the choice.
- *{EXPLAIN}*: shows two heat maps of each image, one for the predicted class and one
  for the true class.
- *Classify*, below an image: opens it in the tab of that name."""


def limits(contents: Contents) -> Section:
    """Says what the network cannot do, and which pictures it takes."""
    test = contents.card.test
    wrong = probability(1 - test["accuracy"], 1)
    doubt = f" Even on test\nimages from the same dataset, {wrong} of its answers are wrong."
    most = {kind: pixels // 10**6 for kind, pixels in MAX_PIXELS.items()}
    return Section(f"""## Limits

The network knows only its {len(contents.classes)} classes and cannot answer “none of these”. A
picture of anything else still gets an answer, sometimes a confident one.\
{doubt if test["correct"] < test["images"] else ""}
A heat map shows where the network found evidence for a class. It does not show why, and the
evidence can be misleading. Use the demo to learn about neural networks, not to make decisions.

Pictures can be {FORMAT_NAMES} files of up to 10 MB, with at least {MIN_SIDE}×{MIN_SIDE} pixels. A
JPEG may have up to {most["JPEG"]} megapixels ({most["progressive JPEG"]} if it is progressive),
a WebP or AVIF up to {most["WebP"]}, other formats up to {MAX_PIXELS_OTHER // 10**6}. Uploads are
deleted after about an hour, or earlier if the demo is very busy. They are not sent anywhere
else.""")


def api(contents: Contents) -> Section:
    """Describes the endpoints."""
    layer, mistakes = list(contents.layers)[-1], len(contents.mistakes)
    maps = f'picture, 2, "{layer}", {contents.opacity}, "Grad-CAM", api_name="/gradcam"'
    every = '"all classes", "all classes", api_name="/misclassified"'
    call = f"\nclient.predict({min(5, mistakes)}, {every})"
    arguments = "\n`/misclassified` takes the number of images, a true class and a predicted class."
    return Section(f"""## Use it from a program

```python
from gradio_client import Client, handle_file

client = Client("USER/SPACE")  # or the address of a copy that runs elsewhere
picture = handle_file("picture.png")
client.predict(picture, {contents.top_classes}, api_name="/classify")
client.predict({maps}){call if mistakes else ""}
```

`/classify` takes a picture and the number of classes (1 to {contents.max_top}).
`/gradcam` takes a picture, the number of heat maps, a layer, the opacity in percent, a method and
a list of the classes to explain, which is empty here.\
{arguments if mistakes else ""}
Invalid values are refused with a one-sentence message.""")
