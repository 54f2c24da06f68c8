"""What the demo says of itself: the About tab, and the body of the Space's README."""

from ...display.formats import percent, probability
from .contents import Contents
from .page.handlers import MAX_FILES
from .pictures import FORMATS, MAX_PIXELS, MIN_SIDE


def title(contents: Contents) -> str:
    """The demo's name."""
    return f"{contents.card.dataset['name']} classifier, explained"


def lead(contents: Contents) -> str:
    """One sentence on what the demo does."""
    count = len(contents.classes)
    return (
        f"A network sorts a picture into {count} classes, and heat maps show which parts"
        " of it led there."
    )


MISTAKES = """**Mistakes** shows test images that the network got wrong, the most confident first.

- *Show misclassified images* turns them on, *How many misclassified images* says how many.
- *True class* keeps those that really show one class.
- *Explain with Grad-CAM* sets the heat map of the wrong answer beside that of the right one, from
  the layer and at the opacity chosen below it."""
TEXTS = ("use", "limits", "api")
FACTS = ("network", "training", "accuracy", "licence")


def about(contents: Contents) -> str:
    """Markdown on what the demo does, its controls, network, data, training, accuracy and limits,
    how a program uses it, and its licence."""
    return "\n\n".join(sections(contents).values())


def sections(contents: Contents) -> dict[str, str]:
    """The same in parts, each under a heading, by the names in `TEXTS` and `FACTS`."""
    return {
        "use": _use(contents),
        "network": _network(contents),
        "training": _training(contents),
        "accuracy": _accuracy(contents),
        "limits": _limits(contents),
        "api": _api(contents),
        "licence": _licence(contents),
    }


def _use(contents: Contents) -> str:
    layers = ", ".join(f"{name} ({w}×{h})" for name, (h, w) in contents.layers.items())
    mistakes = MISTAKES if contents.mistakes else "**Mistakes** is empty: there were none."
    return f"""## What it does

**Classify** takes one picture from a file, the clipboard or a camera, or one of the examples.

- *How many top classes to show*: 1 to {contents.max_top}, the likeliest first.
- *Show Grad-CAM images*: heat maps of where the network found evidence for a class.
- *How many Grad-CAM images*: one for each of the likeliest classes, 1 to {contents.max_top}.
- *Heat-map opacity*: changes the maps at once; where there is no evidence, the picture stays clear
  at any opacity.
- *From which layer*: {layers}. Later layers are coarser, but more specific to a class; *all
  layers* shows them side by side.
- *Other methods*: Grad-CAM++, HiResCAM and LayerCAM weight the same gradients differently.

**Several** does the same for up to {MAX_FILES} pictures at once, each in a card of its own.

{mistakes}"""


def _network(contents: Contents) -> str:
    config, dataset = contents.bundle.config, contents.card.dataset
    side = config.image_size
    return f"""## Network and data

The network is `{config.architecture}` with {contents.card.parameters:,} parameters. It takes
{side}×{side} pixels: the centre square of a picture, scaled to that.

It was trained on [{dataset["name"]}]({dataset["link"]}): {dataset["about"]}
Its {len(contents.classes)} classes are {", ".join(contents.classes)}."""


def _training(contents: Contents) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in contents.card.recipe)
    return f"""## Training

| setting | value |
| --- | --- |
{rows}"""


def _accuracy(contents: Contents) -> str:
    test = contents.card.test
    rows = "\n".join(f"| {name} | {percent(share, 2)} |" for name, share in test["classes"].items())
    return f"""## Accuracy

On the {test["images"]:,} test images, looked at once after training: {test["correct"]:,} right,
**{percent(test["accuracy"], 2)}**, with a mean cross-entropy of {test["loss"]:.4f}.

| class | right |
| --- | --- |
{rows}"""


def _limits(contents: Contents) -> str:
    wrong = probability(1 - contents.card.test["accuracy"], 1)
    doubt = f" Even on test\nimages like those it learned from, {wrong} of its answers are wrong."
    return f"""## Limits

The network knows its {len(contents.classes)} classes and nothing else: it cannot say “none of
these”, and a picture of anything else still gets an answer, at times a confident one.\
{doubt if contents.mistakes else ""}
A heat map shows where evidence for a class was found, not why, and not that it is sound. Use it to
learn about networks, not to decide anything.

Pictures: {", ".join(FORMATS)}, at least {MIN_SIDE}×{MIN_SIDE} pixels, at most
{MAX_PIXELS // 10**6} megapixels (progressive JPEG and other formats fewer) and 10 MB.
Uploads are deleted after an hour or two and sent nowhere else."""


def _api(contents: Contents) -> str:
    layer, stored = list(contents.layers)[-1], len(contents.mistakes)
    ask = f'\nclient.predict({min(5, stored)}, "all classes", api_name="/misclassified")'
    told = "; `/misclassified`\nhow many and which true class"
    maps = f'picture, 2, "{layer}", {contents.opacity}, "Grad-CAM", api_name="/gradcam"'
    return f"""## From a program

```python
from gradio_client import Client, handle_file

client = Client("USER/SPACE")  # or the address of a copy that runs elsewhere
picture = handle_file("picture.png")
client.predict(picture, {contents.top_classes}, api_name="/classify")
client.predict({maps}){ask if stored else ""}
```

`/classify` takes a picture and how many classes (1 to {contents.max_top}); `/gradcam` a picture,
how many maps, a layer, the opacity in percent and a method{told if stored else ""}.
What is out of range is refused with a sentence."""


def _licence(contents: Contents) -> str:
    return f"""## Licence

Code and weights: MIT. The examples and mistakes are images of the data set.
{contents.card.dataset["licence"]}"""
