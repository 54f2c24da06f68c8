from dataclasses import replace

import gradio as gr
import pytest
from space_making import make_space

from cifarlens.space.app.about import FACTS, TEXTS, about, sections
from cifarlens.space.app.about.drawing import draw_network
from cifarlens.space.app.about.section import plain
from cifarlens.space.app.contents import load_contents
from cifarlens.space.app.page.components import PageSlider
from cifarlens.space.app.page.layout import build


def with_test(contents, **values):
    return replace(contents, card=replace(contents.card, test=contents.card.test | values))


def test_it_describes_every_control_and_the_recipe(contents):
    text = about(contents)
    controls = {
        block.label
        for block in build(contents).blocks.values()
        if isinstance(block, gr.Checkbox | PageSlider | gr.Dropdown)
    }
    assert controls
    assert not [label for label in controls if label.removesuffix(" (%)") not in text]
    recipe = contents.card.recipe
    assert recipe
    for name, value in recipe:
        assert f"| {name} | {value} |" in text
    assert set(sections(contents)) == {*TEXTS, *FACTS}


def test_few_mistakes_or_none(contents):
    every = '"all classes", "all classes", api_name="/misclassified"'
    few = replace(contents, mistakes=contents.mistakes[:2])
    wrong = contents.card.test["images"] - contents.card.test["correct"]
    assert f"client.predict(2, {every})" in about(few)
    assert f"shows 2 of the {wrong} misclassified" in about(few)
    images = contents.card.test["images"]
    text = about(replace(with_test(contents, accuracy=1.0, correct=images), mistakes=()))
    assert "**Mistakes** is empty: the network made none." in text
    for words in ("/misclassified", "of its answers are wrong", "True class"):
        assert words not in text
        assert words in about(contents)
    assert "It confused no classes." in about(with_test(contents, confusion=[[9, 0], [0, 9]]))


def test_a_space_without_the_images_of_the_dataset(contents):
    text = about(replace(contents, mistakes=()))
    assert "**Mistakes** is empty: the dataset was not at hand" in text
    assert "So are the\nexamples, which a program drew." in text
    assert "of its answers are wrong" in text
    assert "come from the\ndataset" in about(contents)


def test_the_images_that_trained_it(contents):
    card = contents.card
    text = " ".join(about(contents).split())
    assert f"trained on {card.train_images:,} images and tested on 200 others" in text
    assert "Another 50 were held out" in text
    assert "held out" not in about(replace(contents, card=replace(card, held_out=0)))


@pytest.mark.parametrize(
    ("error", "confidence", "words"),
    [
        (0.005, 0.9, "the probabilities fit"),
        (0.09, 0.81, "too unsure: its answers are right more often"),
        (0.09, 0.99, "too sure: its answers are right less often"),
        (0.09, 0.91, "some answers are too sure and others too unsure"),
    ],
)
def test_the_accuracy_and_what_the_probabilities_are_worth(contents, error, confidence, words):
    values = {"accuracy": 0.9, "interval": [0.851, 0.934], "confidence": confidence}
    confusion = [[0] * 10 for _ in range(10)]
    confusion[3][5], confusion[4][4] = 12, 40
    changed = with_test(contents, **values, calibration_error=error, confusion=confusion)
    text = " ".join(about(changed).split())
    for part in ("**90.00%**", "between 85.1% and 93.4% with 95% confidence", words):
        assert part in text
    assert "it took 12 of the 12 images of **3** for **5**" in text
    assert "| 3 | 5 | 12 |" in text


def test_rare_classes_that_are_worse_show_in_the_balanced_accuracy(contents):
    rare = with_test(contents, accuracy=0.9, classes={"frequent": 0.98, "rare": 0.1})
    assert "The balanced accuracy, the mean over the classes, is 54.00%." in about(rare)
    even = with_test(contents, accuracy=0.9, classes={"frequent": 0.91, "rare": 0.89})
    assert "balanced" not in about(even)


def test_the_verdict_on_the_maps_of_every_layer_and_method(contents):
    text = about(contents)
    assert "| Grad-CAM | layer1, layer2, layer3 | prep | – |" in text
    assert "| Grad-CAM++ | – | prep | prep, layer1, layer2, layer3 |" in text


@pytest.mark.parametrize("architecture", ["custom_resnet", "resnet18"])
def test_the_drawing_has_all_parameters_and_the_residual_layers(tmp_path, architecture):
    contents = load_contents(make_space(tmp_path, architecture=architecture))
    drawing = draw_network(contents.bundle)
    counts = [part.split()[-1].split(">")[-1] for part in drawing.split(" parameters")[:-1]]
    numbers = [int(count.replace(",", "")) for count in counts if count != "no"]
    assert sum(numbers) == contents.card.parameters
    assert drawing.count('class="residual"') == {"custom_resnet": 2, "resnet18": 4}[architecture]
    assert all(f"<b>{layer}</b>" in drawing for layer in contents.layers)


def test_markdown_shows_names_unchanged():
    assert plain("a|b_c <i>*#1* $x$ w.de") == r"a\|b\_c \<i\>\*\#1\* \$x\$ w\.de"
