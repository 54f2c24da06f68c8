import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import SpaceCard
from PIL import Image
from space_making import RECIPE, ROOT, files, make_ingredients, make_space

from cifarlens.classifier.bundle import BundleError, load_bundle, save_bundle
from cifarlens.classifier.predict import predict_logits, softmax
from cifarlens.space.app.contents import load_contents
from cifarlens.space.packaging.package import package_space
from cifarlens.space.packaging.shipped import LIBRARIES, PACKAGED


def test_it_holds_exactly_what_is_listed(space):
    expected = {
        *PACKAGED,
        ".gitattributes",
        "README.md",
        "app.py",
        "card.json",
        "requirements.txt",
        "model/model.safetensors",
        "model/config.json",
        "mistakes/index.json",
        *(f"mistakes/{rank:03d}.png" for rank in range(1, 13)),
        *(f"examples/{label}_{label}.png" for label in range(10)),
    }
    assert set(files(space)) == expected


def test_every_module_ships_verbatim(space):
    for name in PACKAGED:
        assert (space / name).read_bytes() == (ROOT / "src" / name).read_bytes(), name


def test_the_same_bytes_twice(space, tmp_path):
    assert files(make_space(tmp_path)) == files(space)


def test_packaging_again_replaces_all(tmp_path):
    target = make_space(tmp_path)
    before = files(target)
    (target / "left_over.py").write_text("import pickle\n")
    (target / "app.py").write_text("")
    (tmp_path / "models/last.ckpt").write_bytes(b"")  # stays behind, as all but the bundle
    package_space(target, make_ingredients(tmp_path))
    assert files(target) == before
    assert {path.name for path in tmp_path.iterdir()} == {"models", "space"}


def test_the_model_is_the_one_evaluated(space, tmp_path):
    given = make_ingredients(tmp_path)
    logits = predict_logits(load_bundle(space / "model"), given.dataset.test_images)
    assert np.abs(logits - given.test_logits).max() < 1e-5


def test_mistakes_are_the_most_confident_and_true(space, tmp_path):
    given = make_ingredients(tmp_path)
    probabilities, labels = softmax(given.test_logits), given.dataset.test_labels
    predicted = probabilities.argmax(1)
    wrong = [place for place in range(len(labels)) if predicted[place] != labels[place]]
    wrong.sort(key=lambda place: (-probabilities[place].max(), place))
    rows = load_contents(space).mistakes
    assert [row.index for row in rows] == wrong[:12]
    for row in rows:
        assert row.label == labels[row.index]
        assert row.predicted == predicted[row.index]
        assert row.predicted_probability == probabilities[row.index].max()
        assert row.label_probability == probabilities[row.index, row.label]
        with Image.open(space / row.file) as image:
            assert (np.asarray(image) == given.dataset.test_images[row.index]).all()


def test_examples_are_of_their_class_and_right_where_one_is(space, tmp_path):
    given = make_ingredients(tmp_path)
    images, labels = given.dataset.test_images, given.dataset.test_labels
    predicted = given.test_logits.argmax(1)
    for label, path in enumerate(load_contents(space).examples):
        with Image.open(path) as image:
            pixels = np.asarray(image)
        same = [place for place in range(len(labels)) if (images[place] == pixels).all()]
        assert any(labels[place] == label for place in same)
        if (predicted[labels == label] == label).any():
            assert any(predicted[place] == label for place in same)


def test_card_and_front_matter(space, tmp_path):
    card = json.loads((space / "card.json").read_text())
    metrics = make_ingredients(tmp_path).test_metrics
    network = load_bundle(space / "model").network
    assert card["test"] == metrics
    assert card["parameters"] == sum(p.numel() for p in network.parameters())
    assert card["dataset"]["name"] == "Handwritten digits"
    front = SpaceCard.load(space / "README.md").data.to_dict()
    assert front["sdk"] == "gradio"
    assert front["app_file"] == "app.py"
    assert front["license"] == "mit"
    assert isinstance(front["python_version"], str)
    assert len(front["short_description"]) <= 60  # what Spaces accept
    assert {"colorFrom", "colorTo", "emoji", "pinned", "sdk_version", "tags", "title"} <= set(front)
    lock = (ROOT / "requirements.lock").read_text()
    assert f"\ngradio=={front['sdk_version']} \\\n" in lock


def test_readme_says_what_was_measured(space, tmp_path):
    given = make_ingredients(tmp_path)
    text = (space / "README.md").read_text()
    assert f"**{given.test_metrics['accuracy']:.2%}**" in text
    for words in ("## Limits", "## Licence", "Grad-CAM++", 'api_name="/gradcam"', "Handwritten"):
        assert words in text
    assert "CIFAR" not in text


def test_readme_tells_of_the_recipe_once(space):
    text = (space / "README.md").read_text()
    for name, value in RECIPE.items():
        (line,) = [line for line in text.splitlines() if name in line and value in line]
        assert line.startswith("| ")


CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def test_a_cifar_bundle_packages_as_well(tmp_path):
    """Its names, layers and examples; the pictures are digits all the same."""
    given = make_ingredients(tmp_path)
    network = load_bundle(given.model).network
    config = dataclasses.replace(load_bundle(given.model).config, classes=tuple(CIFAR))
    save_bundle(given.model, network, config)
    data = dataclasses.replace(given.dataset, classes=tuple(CIFAR))
    named = dict(zip(CIFAR, given.test_metrics["classes"].values(), strict=True))
    given = dataclasses.replace(
        changed_metrics(given, classes=named), dataset=data, source="cifar10"
    )
    package_space(tmp_path / "space", given)
    contents = load_contents(tmp_path / "space")
    assert contents.classes == tuple(CIFAR)
    assert [path.name for path in contents.examples] == [
        f"{i}_{n}.png" for i, n in enumerate(CIFAR)
    ]
    text = (tmp_path / "space/README.md").read_text()
    assert "cs.toronto.edu/~kriz/cifar.html" in text
    assert "CIFAR-10 states no licence" in text
    assert "andwritten" not in text
    assert all(f"| {name} |" in text for name in CIFAR)


def test_nothing_in_it_is_a_pickle(space):
    """Nor anything else that is run when it is read: text, PNG and safetensors alone."""
    for name, content in files(space).items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG\r\n\x1a\n")
        elif name.endswith(".safetensors"):
            length = int.from_bytes(content[:8], "little")
            assert isinstance(json.loads(content[8 : 8 + length]), dict)
        else:
            assert "\0" not in content.decode()


def test_requirements_are_the_locks(space):
    lines = (space / "requirements.txt").read_text().splitlines()
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in lines
    pins = [line for line in lines if "==" in line]
    assert {pin.split("==")[0] for pin in pins} == set(LIBRARIES)
    lock = (ROOT / "requirements.lock").read_text()
    assert all(f"\n{pin} \\\n" in lock for pin in pins)
    assert not any("--hash" in line for line in lines)


def test_gitattributes_sends_weights_and_pictures_to_lfs(space):
    text = (space / ".gitattributes").read_text()
    for pattern in ("*.safetensors", "*.png"):
        assert f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" in text


def test_nothing_of_this_machine_is_in_it(space):
    for name, content in files(space).items():
        for trace in (str(ROOT), str(space.parent), str(Path.home())):
            assert trace == "/" or trace.encode() not in content, (name, trace)


def test_fewer_than_ten_classes(tmp_path):
    contents = load_contents(make_space(tmp_path, classes=3))
    assert contents.classes == ("0", "1", "2")
    assert contents.max_top == 3
    assert len(contents.examples) == 3


def test_two_classes_show_no_more_than_two(tmp_path):
    assert load_contents(make_space(tmp_path, classes=2)).top_classes == 2


def test_a_perfect_model_has_no_mistakes(tmp_path):
    target = make_space(tmp_path, perfect=True)
    assert load_contents(target).mistakes == ()
    assert [path.name for path in (target / "mistakes").iterdir()] == ["index.json"]


def test_fewer_mistakes_than_asked_for(tmp_path):
    given = make_ingredients(tmp_path, mistakes=200)
    package_space(tmp_path / "space", given)
    wrong = (given.test_logits.argmax(1) != given.dataset.test_labels).sum()
    assert 0 < wrong < 200
    assert len(load_contents(tmp_path / "space").mistakes) == wrong


def test_another_network(tmp_path):
    contents = load_contents(make_space(tmp_path, architecture="resnet18"))
    assert list(contents.layers) == ["stem", "layer1", "layer2", "layer3", "layer4"]


def changed_metrics(given, **values):
    return dataclasses.replace(given, test_metrics={**given.test_metrics, **values})


def test_a_bad_model_leaves_the_old_space_alone(tmp_path):
    target = make_space(tmp_path)
    before = files(target)
    given = make_ingredients(tmp_path)
    (tmp_path / "models/model.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match="damaged"):
        package_space(target, given)
    assert files(target) == before


def test_a_failure_half_way_leaves_nothing(tmp_path):
    given = make_ingredients(tmp_path)
    strange = dataclasses.replace(given, source="no such source")
    with pytest.raises(KeyError):
        package_space(tmp_path / "space", strange)
    assert {path.name for path in tmp_path.iterdir()} == {"models"}
