"""What the demo says of itself: the About tab, and the body of the Space's README."""

from .contents import Contents
from .figures import share
from .handlers import MAX_FILES
from .pictures import FORMATS, MAX_PIXELS, MIN_SIDE


def title(contents: Contents) -> str:
    """The demo's name."""
    return f"{contents.card['dataset']['name']} classifier, explained"


def lead(contents: Contents) -> str:
    """One sentence on what the demo does."""
    count = len(contents.classes)
    return (
        f"A small network sorts a picture into {count} classes, and heat maps show which parts"
        " of it led there."
    )


def about(contents: Contents) -> str:
    """Markdown on what the demo does, its controls, network, data, accuracy, limits and API."""
    parts = (_use, _network, _accuracy, _limits, _api, _licence)
    return "\n\n".join(part(contents) for part in parts)


def _use(contents: Contents) -> str:
    layers = ", ".join(f"{name} ({w}×{h})" for name, (h, w) in contents.layers.items())
    return f"""## What it does

**Classify** takes one picture from a file, the clipboard or a camera, or one of the examples.

- *How many top classes to show*: 1 to {contents.max_top}, the likeliest first.
- *Show Grad-CAM images*: heat maps of where the network found evidence for a class.
- *How many Grad-CAM images*: one for each of the likeliest classes.
- *Heat-map opacity*: changes the maps at once; what says nothing stays clear at any opacity.
- *From which layer*: {layers}. Later layers are coarser, but more specific to a class. All layers
  can be compared side by side.
- *Other methods*: Grad-CAM++, HiResCAM and LayerCAM weight the same gradients differently.

**Several** classifies up to {MAX_FILES} pictures at once.

**Mistakes** shows test images that the network got wrong, the most confident first, by true class
if wanted, with heat maps for the wrong and for the right answer side by side."""


def _network(contents: Contents) -> str:
    card, config = contents.card, contents.bundle.config
    dataset = card["dataset"]
    side = config.image_size
    return f"""## Network and data

The network is `{config.architecture}` with {card["parameters"]:,} parameters. It takes
{side}×{side} pixels: the centre square of a picture, scaled down.

It was trained on [{dataset["name"]}]({dataset["link"]}): {dataset["about"]}
Its {len(contents.classes)} classes are {", ".join(contents.classes)}."""


def _accuracy(contents: Contents) -> str:
    test = contents.card["test"]
    rows = "\n".join(f"| {name} | {value:.2%} |" for name, value in test["classes"].items())
    return f"""## Accuracy

On the {test["images"]:,} test images, looked at once after training: {test["correct"]:,} right,
**{test["accuracy"]:.2%}**, with a mean cross-entropy of {test["loss"]:.4f}.

| class | right |
| --- | --- |
{rows}"""


def _limits(contents: Contents) -> str:
    doubt = share(1 - contents.card["test"]["accuracy"])
    return f"""## Limits

The network knows its {len(contents.classes)} classes and nothing else: it cannot say “none of
these”, and a picture of anything else still gets an answer, at times a confident one. Even on test
images like those it learned from, {doubt} of its answers are wrong. A heat map shows where evidence
for a class was found, not why, and not that it is sound. Use it to learn about networks, not to
decide anything.

Pictures: {", ".join(FORMATS)}, at least {MIN_SIDE}×{MIN_SIDE} pixels, at most
{MAX_PIXELS // 10**6} megapixels and 10 MB.
Uploads are deleted after an hour or two and sent nowhere else."""


def _api(contents: Contents) -> str:
    layer = list(contents.layers)[-1]
    return f"""## From a program

```python
from gradio_client import Client, handle_file

client = Client("USER/SPACE")  # or the address of a copy that runs elsewhere
picture = handle_file("picture.png")
client.predict(picture, {contents.top_classes}, api_name="/classify")
client.predict(picture, 2, "{layer}", 70, "Grad-CAM", api_name="/gradcam")
client.predict(5, "all classes", api_name="/misclassified")
```

`/classify` takes a picture and how many classes (1 to {contents.max_top}); `/gradcam` a picture,
how many maps, a layer, the opacity in percent and a method; `/misclassified` how many and which
true class. What is out of range is refused with a sentence."""


def _licence(contents: Contents) -> str:
    return f"""## Licence

Code and weights: MIT. The examples and mistakes are images of the data set.
{contents.card["dataset"]["licence"]}"""
