import dataclasses
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import SpaceCard
from packaging.requirements import Requirement
from PIL import Image
from space_environment import collect_distributions
from space_making import ODD_NAMES, RECIPE, ROOT, files, make_ingredients, make_space

from cifarlens.classifier.bundle import BundleError, load_bundle
from cifarlens.classifier.predict import softmax
from cifarlens.evaluation.cases import all_cases, most_confident_mistakes, varied_mistakes
from cifarlens.space.app.about.section import plain
from cifarlens.space.app.contents import example_label, load_contents
from cifarlens.space.packaging.package import Ingredients, package_space
from cifarlens.space.packaging.shipped import CUDA, LIBRARIES, SOURCE_FILES


@pytest.fixture(scope="module")
def ingredients(tmp_path_factory: pytest.TempPathFactory) -> Ingredients:
    """The ingredients of the fixture `space`."""
    return make_ingredients(tmp_path_factory.mktemp("ingredients"))


def test_it_holds_exactly_the_listed_files_and_unchanged_modules(space):
    expected = {
        *SOURCE_FILES,
        ".gitattributes",
        "README.md",
        "app.py",
        "card.json",
        "files.json",
        "requirements.txt",
        "model/model.safetensors",
        "model/config.json",
        "model/README.md",
        "thumbnail.png",
        "mistakes/index.json",
        *(f"mistakes/{rank:03d}.png" for rank in range(1, 13)),
        *(f"examples/{label}_{label}.png" for label in range(10)),
    }
    assert set(files(space)) == expected
    assert {*json.loads((space / "files.json").read_text()), "files.json"} == expected
    for name in SOURCE_FILES:
        assert (space / name).read_bytes() == (ROOT / "src" / name).read_bytes(), name


def test_packaging_again_replaces_everything_with_the_same_bytes(space, tmp_path):
    target = make_space(tmp_path)
    (target / "left_over.py").write_text("import pickle\n")
    (target / "app.py").write_text("")
    (tmp_path / "models/last.ckpt").write_bytes(b"")  # only the bundle is packaged
    package_space(target, make_ingredients(tmp_path))
    assert files(target) == files(space)
    assert {path.name for path in tmp_path.iterdir()} == {"models", "space"}


def test_mistakes_are_varied_and_have_their_images(space, ingredients):
    probabilities = softmax(ingredients.scaled_logits)
    labels = ingredients.dataset.test_labels
    predicted = probabilities.argmax(1)
    rows = load_contents(space).mistakes
    cases = varied_mistakes(all_cases(ingredients.scaled_logits, labels), 12)
    cases = most_confident_mistakes(cases, 12)
    assert [row.index for row in rows] == [case.index for case in cases]
    for row in rows:
        assert row.label == labels[row.index]
        assert row.predicted == predicted[row.index]
        assert row.predicted_probability == probabilities[row.index].max()
        assert row.label_probability == probabilities[row.index, row.label]
        with Image.open(space / row.file) as image:
            assert (np.asarray(image) == ingredients.dataset.test_images[row.index]).all()


def test_examples_are_correct_predictions_where_a_class_has_one(space, ingredients):
    images, labels = ingredients.dataset.test_images, ingredients.dataset.test_labels
    predicted = ingredients.test_logits.argmax(1)
    for label, path in enumerate(load_contents(space).examples):
        with Image.open(path) as image:
            pixels = np.asarray(image)
        equal = [index for index in range(len(labels)) if (images[index] == pixels).all()]
        assert any(labels[index] == label for index in equal)
        if (predicted[labels == label] == label).any():
            assert any(predicted[index] == label for index in equal)


def test_card_and_readme_state_the_metrics_and_the_recipe(space, ingredients):
    card = json.loads((space / "card.json").read_text())
    network = load_bundle(space / "model").network
    data = ingredients.dataset
    predicted = ingredients.test_logits.argmax(1)
    correct = int((predicted == data.test_labels).sum())
    test = card["test"]
    assert (test["correct"], test["images"]) == (correct, len(predicted))
    assert test["accuracy"] == correct / len(predicted)
    assert test["confidence"] == pytest.approx(
        softmax(ingredients.scaled_logits).max(1).mean(), abs=1e-6
    )
    pairs = Counter(zip(data.test_labels.tolist(), predicted.tolist(), strict=True))
    assert test["confusion"] == [[pairs[row, column] for column in range(10)] for row in range(10)]
    assert card["train_images"] == len(data.train_labels) - 50
    assert card["parameters"] == sum(p.numel() for p in network.parameters())
    assert card["dataset"]["name"] == "Handwritten digits"
    text = (space / "README.md").read_text()
    assert f"**{test['accuracy']:.2%}**" in text
    assert "divided by 0.8 before" in text
    for words in ("## Limits", "## Licence", "Grad-CAM++", 'api_name="/gradcam"', "Handwritten"):
        assert words in text
    assert "CIFAR" not in text
    assert all(f"| {name} |" in text for name in ingredients.dataset.classes)
    for name, value in RECIPE.items():
        (line,) = [line for line in text.splitlines() if name in line and value in line]
        assert line.startswith("| ")


def test_front_matter_and_requirements_name_the_locked_versions(space):
    attributes = (space / ".gitattributes").read_text()
    assert all(f"{kind} filter=lfs diff=lfs" in attributes for kind in ("*.safetensors", "*.png"))
    lock = (ROOT / "requirements.lock").read_text()
    front = SpaceCard.load(space / "README.md").data.to_dict()
    assert front["sdk"] == "gradio"
    assert front["app_file"] == "app.py"
    assert isinstance(front["python_version"], str)
    assert len(front["short_description"]) <= 60  # the limit of the hub
    assert f"\ngradio=={front['sdk_version']} \\\n" in lock
    lines = (space / "requirements.txt").read_text().splitlines()
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in lines
    pins = [line for line in lines if "==" in line]
    assert all(f"\n{pin} \\\n" in lock for pin in pins)
    needed = collect_distributions([Requirement(name) for name in LIBRARIES])
    names = {pin.split("==")[0] for pin in pins}
    assert {name for name in needed if not name.startswith(CUDA)} <= names
    assert not [name for name in names if name.startswith(CUDA)]
    assert not any("--hash" in line for line in lines)


def test_the_readme_of_a_cifar10_space_names_its_source_and_licence(tmp_path):
    """Only the source is CIFAR-10; the images and classes are those of the digits."""
    ingredients = make_ingredients(tmp_path)
    package_space(tmp_path / "space", dataclasses.replace(ingredients, source="cifar10"))
    text = (tmp_path / "space/README.md").read_text()
    assert "cs.toronto.edu/~kriz/cifar.html" in text
    assert "CIFAR-10 comes without a stated licence" in text
    assert "andwritten" not in text


def test_files_are_text_png_or_safetensors_and_name_no_local_path(space):
    """Reading such files never runs code, unlike pickles."""
    for name, content in files(space).items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
        elif name.endswith(".safetensors"):
            length = int.from_bytes(content[:8], "little")
            assert isinstance(json.loads(content[8 : 8 + length]), dict)
        else:
            assert "\0" not in content.decode()
        for path in (ROOT, space.parent, Path.home()):
            assert str(path) == "/" or str(path).encode() not in content, (name, path)


@pytest.mark.parametrize(
    ("names", "examples", "top"),
    [(["true", "x" * 255], 2, 2), (ODD_NAMES, 20, 10), ([f"n° {n}" for n in range(200)], 20, 10)],
    ids=["2 classes", "odd names", "200 classes"],
)
def test_classes_limit_the_examples_and_the_top_classes(tmp_path, names, examples, top):
    """A file name has at most 255 bytes, so an example has only the beginning of a long name."""
    contents = load_contents(make_space(tmp_path, classes=names, source="folder"))
    assert contents.classes == tuple(names)
    labels = [example_label(path) for path in contents.examples]
    assert labels == list(range(0, len(names), len(names) // examples))
    assert contents.max_top == top
    assert contents.top_classes == min(top, 3)


def test_the_texts_about_images_from_a_folder_read_well(tmp_path):
    """Such images have no web page, no licence and no name."""
    space = make_space(tmp_path, classes=ODD_NAMES, source="folder", fit="pad")
    assert load_contents(space).card.fit == "pad"
    for text in ((space / name).read_text() for name in ("README.md", "model/README.md")):
        for words in ("CIFAR", "]()", "[]", "ten classes", "  \n", ". .", "centre square"):
            assert words not in text
        assert "is\nmade square with black borders and resized to 32×32" in text
        assert "on 200 others. The images come from a folder" in text
        assert "licence." in text
        assert all(f"\n| {plain(name)} |" in text for name in ODD_NAMES)
    assert SpaceCard.load(space / "README.md").data.title == "Image classifier, explained"


def test_a_text_about_many_classes_folds_them_and_shows_the_weakest(tmp_path):
    text = (make_space(tmp_path, classes=100) / "README.md").read_text()
    assert "<details><summary>The 100 classes</summary>" in text
    (rows,) = re.findall(r"fewest correct answers:\n\n\| class .*\n\| --- .*\n((?:\|.*\n)*)", text)
    assert len(rows.splitlines()) == 20
    assert "table of confusions" in text


def test_a_space_may_have_fewer_mistakes_than_the_maximum(tmp_path):
    ingredients = make_ingredients(tmp_path, mistakes=200)
    package_space(tmp_path / "space", ingredients)
    wrong = (ingredients.test_logits.argmax(1) != ingredients.dataset.test_labels).sum()
    assert 0 < wrong < 200
    assert len(load_contents(tmp_path / "space").mistakes) == wrong


def test_a_failure_leaves_the_old_space_unchanged(tmp_path):
    target = make_space(tmp_path)
    before = files(target)
    ingredients = make_ingredients(tmp_path)
    with pytest.raises(KeyError):  # after some files have been written
        package_space(target, dataclasses.replace(ingredients, source="unknown"))
    (tmp_path / "models/model.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match="damaged"):
        package_space(target, ingredients)
    assert files(target) == before
    assert {path.name for path in tmp_path.iterdir()} == {"models", "space"}


def test_a_link_to_another_disk_stays(tmp_path):
    (tmp_path / "disk/space").mkdir(parents=True)
    (tmp_path / "space").symlink_to(tmp_path / "disk/space")
    make_space(tmp_path)
    assert (tmp_path / "space").is_symlink()
    assert (tmp_path / "disk/space/app.py").exists()
