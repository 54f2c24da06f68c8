"""Writes the text of the About tab, which is also the body of the Space's README."""

from ...display.formats import percent, probability
from .contents import Contents
from .page.handlers import MAP_COUNT, MAX_FILES, MISTAKE_COUNT, TOP_CLASSES
from .pictures import FORMAT_NAMES, MAX_PIXELS, MAX_PIXELS_OTHER, MIN_SIDE


def title(contents: Contents) -> str:
    """Returns the demo's name."""
    return f"{contents.card.dataset['name']} classifier, explained"


def lead(contents: Contents) -> str:
    """Returns two sentences on what the demo does."""
    return (
        f"A neural network assigns a picture to one of {len(contents.classes)} classes."
        " Heat maps show where the network found evidence for its answer."
    )


MISTAKES_TEXT = f"""**Mistakes** shows misclassified test images, the most confident first.

- *Show misclassified images*: shows or hides them.
- *{MISTAKE_COUNT}*: how many to show.
- *True class*: shows only images of this class.
- *Explain with Grad-CAM*: shows two heat maps of each image, one for the predicted class and one
  for the true class. The layer and the opacity can be chosen below."""
TEXTS = ("use", "limits", "api")
FACTS = ("network", "training", "accuracy", "licence")


def about(contents: Contents) -> str:
    """Returns all sections of the text as Markdown."""
    return "\n\n".join(sections(contents).values())


def sections(contents: Contents) -> dict[str, str]:
    """Returns the sections as Markdown with headings, by the names in `TEXTS` and `FACTS`."""
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
    mistakes = (
        MISTAKES_TEXT if contents.mistakes else "**Mistakes** is empty: the network made none."
    )
    return f"""## What it does

**Classify** takes one picture from a file, the clipboard or a camera, or one of the examples.

- *{TOP_CLASSES}*: how many classes to show, 1 to {contents.max_top}, the most likely first.
- *Show Grad-CAM images*: shows heat maps of where the network found evidence for a class.
- *{MAP_COUNT}*: how many heat maps to show, 1 to {contents.max_top}, one for each of the most
  likely classes.
- *Heat-map opacity*: how strongly the heat map covers the picture. Places without evidence stay
  clear at any opacity.
- *Layer*: {layers}. Later layers are coarser but more specific to a class. *all layers* shows them
  side by side.
- *Other methods*: Grad-CAM++, HiResCAM and LayerCAM weight the same gradients differently.

**Several** does the same for up to {MAX_FILES} pictures at once and shows a card for each.

{mistakes}"""


def _network(contents: Contents) -> str:
    config, dataset = contents.bundle.config, contents.card.dataset
    side = config.image_size
    return f"""## Network and data

The network is `{config.architecture}` with {contents.card.parameters:,} parameters. Each picture is
cropped to its centre square and resized to {side}×{side} pixels.

It was trained on [{dataset["name"]}]({dataset["link"]}): {dataset["about"]}
The {len(contents.classes)} classes are {", ".join(contents.classes)}."""


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

The network was evaluated once, after training, on {test["images"]:,} test images. It classified
{test["correct"]:,} of them correctly, **{percent(test["accuracy"], 2)}**. The mean cross-entropy is
{test["loss"]:.4f}.

| class | correct |
| --- | --- |
{rows}"""


def _limits(contents: Contents) -> str:
    wrong = probability(1 - contents.card.test["accuracy"], 1)
    doubt = f" Even on test\nimages from the same dataset, {wrong} of its answers are wrong."
    limits = {kind: pixels // 10**6 for kind, pixels in MAX_PIXELS.items()}
    return f"""## Limits

The network knows only its {len(contents.classes)} classes and cannot answer “none of these”. A
picture of anything else still gets an answer, sometimes a confident one.\
{doubt if contents.mistakes else ""}
A heat map shows where the network found evidence for a class. It does not show why, and the
evidence can be misleading. Use the demo to learn about neural networks, not to make decisions.

Pictures can be {FORMAT_NAMES} files of up to 10 MB, with at least {MIN_SIDE}×{MIN_SIDE} pixels. A
JPEG may have up to {limits["JPEG"]} megapixels ({limits["progressive JPEG"]} if it is progressive),
a WebP or AVIF up to {limits["WebP"]}, other formats up to {MAX_PIXELS_OTHER // 10**6}. Uploads are
deleted after one to two hours and are not sent anywhere else."""


def _api(contents: Contents) -> str:
    layer, mistakes = list(contents.layers)[-1], len(contents.mistakes)
    maps = f'picture, 2, "{layer}", {contents.opacity}, "Grad-CAM", api_name="/gradcam"'
    call = f'\nclient.predict({min(5, mistakes)}, "all classes", api_name="/misclassified")'
    arguments = "\n`/misclassified` takes the number of images and a true class."
    return f"""## Use it from a program

```python
from gradio_client import Client, handle_file

client = Client("USER/SPACE")  # or the address of a copy that runs elsewhere
picture = handle_file("picture.png")
client.predict(picture, {contents.top_classes}, api_name="/classify")
client.predict({maps}){call if mistakes else ""}
```

`/classify` takes a picture and the number of classes (1 to {contents.max_top}).
`/gradcam` takes a picture, the number of heat maps, a layer, the opacity in percent and a method.\
{arguments if mistakes else ""}
Invalid values are refused with a one-sentence message."""


def _licence(contents: Contents) -> str:
    return f"""## Licence

The code and the weights are under the MIT licence. The example and mistake images come from the
dataset. {contents.card.dataset["licence"]}"""
