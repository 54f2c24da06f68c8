"""The endpoints of a running copy, as programs use them."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from space_files import drawing
from space_making import RunningSpace

from cifarlens.classifier.saliency import METHODS
from cifarlens.display.heatmap import blend
from cifarlens.pictures.fit import fit_image
from cifarlens.space.app.choices import ALL_CLASSES, OCCLUSION
from cifarlens.space.app.contents import Contents

CLIENTS = 20


@pytest.fixture(scope="module")
def clients(app: RunningSpace, tmp_path_factory: pytest.TempPathFactory) -> list[Client]:
    """Clients for parallel threads. Threads that use one client lose answers on a busy machine."""
    downloads = str(tmp_path_factory.mktemp("downloads"))
    return [Client(app.url, verbose=False, download_files=downloads) for _ in range(CLIENTS)]


@pytest.fixture(scope="module")
def client(clients: list[Client]) -> Client:
    return clients[0]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that is neither square nor small."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    drawing(400, 300).save(path)
    return path


def network_input(contents: Contents, path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return fit_image(image, contents.bundle.config.image_size)


def top_classes(contents: Contents, path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of the most likely classes."""
    probabilities = contents.probabilities(network_input(contents, path))
    labels = np.argsort(-probabilities, kind="stable")[:count]
    return labels, probabilities[labels]


def read_pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_exactly_these_endpoints(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    parameters = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in named.items()
    }
    assert parameters == {
        "/classify": ["image", "top_k"],
        "/gradcam": ["image", "maps", "layer", "opacity", "method", "classes"],
        "/misclassified": ["count", "true_class", "predicted_class"],
    }


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_most_likely_classes_have_the_networks_probabilities(client, contents, photo, count):
    for path in (contents.examples[4], photo):
        result = client.predict(handle_file(path), count, api_name="/classify")
        labels, probabilities = top_classes(contents, path, count)
        names = [contents.classes[label] for label in labels]
        assert result["label"] == names[0]
        assert [row["label"] for row in result["confidences"]] == names
        confidences = [row["confidence"] for row in result["confidences"]]
        np.testing.assert_allclose(confidences, probabilities, atol=1e-5)


def test_heat_maps_have_the_layer_opacity_and_method_that_were_asked_for(client, contents, photo):
    pixels, (labels, _) = network_input(contents, photo), top_classes(contents, photo, 2)
    for layer, opacity, method in zip(contents.layers, (0, 30, 70, 100), METHODS, strict=True):
        rows = client.predict(handle_file(photo), 2, layer, opacity, method, api_name="/gradcam")
        maps = contents.maps(pixels, labels, layer, method)
        for row, label, saliency in zip(rows, labels, maps, strict=True):
            assert row["caption"].split()[0] == contents.classes[label]
            expected = blend(pixels, saliency, opacity / 100, 256).astype(int)
            assert np.abs(read_pixels(row["image"]) - expected).max() <= 1


def test_heat_maps_of_chosen_classes(client, contents, photo):
    chosen = (handle_file(photo), 1, "prep", 100, OCCLUSION, ["7", "2"])
    rows = client.predict(*chosen, api_name="/gradcam")
    assert [row["caption"].split()[0] for row in rows] == ["7", "2"]
    pixels = network_input(contents, photo)
    for row, saliency in zip(rows, contents.maps(pixels, [7, 2], "", OCCLUSION), strict=True):
        expected = blend(pixels, saliency, 1, 256).astype(int)
        assert np.abs(read_pixels(row["image"]) - expected).max() <= 1


def test_misclassified_images(client, contents):
    name = contents.classes[contents.mistakes[0].label]
    mistakes = [row for row in contents.mistakes if contents.classes[row.label] == name]
    for count, true_class, rows in ((5, ALL_CLASSES, contents.mistakes[:5]), (12, name, mistakes)):
        result = client.predict(count, true_class, api_name="/misclassified")
        for mistake, item in zip(rows, result, strict=True):
            true, predicted = contents.classes[mistake.label], contents.classes[mistake.predicted]
            assert item["caption"].startswith(f"{true} predicted as {predicted} (")
            assert (read_pixels(item["image"]) == contents.image(mistake)).all()
    name = contents.classes[contents.mistakes[0].predicted]
    rows = [row for row in contents.mistakes if contents.classes[row.predicted] == name]
    result = client.predict(12, ALL_CLASSES, name, api_name="/misclassified")
    assert len(result) == len(rows)


REFUSED = [
    ("classify", ("photo", 11), "Number of top classes is 11; it must be a whole number"),
    ("classify", (None, 3), "The picture is missing: upload one first."),
    ("gradcam", ("photo", 2, "layer3", 101, "Grad-CAM"), "Opacity is 101; it must be a number"),
    ("gradcam", ("photo", 2, "layer3", 70, "eval('1')"), "Method is \"eval('1')\"; it must be one"),
    ("gradcam", ("photo", 2, "layer3", 7, "Grad-CAM", ["cat"]), "Classes to explain is 'cat'; it"),
    (
        "gradcam",
        ("photo", 2, "layer3", 7, "Grad-CAM", [*"0123456789", "x"]),
        "Classes to explain is",
    ),
    ("misclassified", (5, "0", "cat"), "Predicted class is 'cat'; it must be one of: all classes"),
    ("misclassified", (12, "cat"), "True class is 'cat'; it must be one of: all classes, 0, 1"),
]


@pytest.mark.parametrize(("endpoint", "arguments", "message"), REFUSED)
def test_invalid_values_are_refused_with_a_message(client, photo, endpoint, arguments, message):
    values = [handle_file(photo) if value == "photo" else value for value in arguments]
    with pytest.raises(AppError, match=re.escape(message)):
        client.predict(*values, api_name=f"/{endpoint}")


def test_numbers_that_only_raw_json_can_hold_are_refused(app, photo):
    uploaded = json.dumps(app.upload("photo.png", photo.read_bytes()))
    for number, expected in (("10", "complete"), ("NaN", "error"), ("1e400", "error")):
        event, _ = app.post("classify", f'{{"data":[{uploaded},{number}]}}')
        assert event == expected, number


def test_many_clients_at_once_get_the_answers_of_one(clients, photo):
    def ask(client: Client) -> tuple[object, list[object]]:
        prediction = client.predict(handle_file(photo), 3, api_name="/classify")
        arguments = (handle_file(photo), 3, "layer3", 70, "Grad-CAM")
        rows = client.predict(*arguments, api_name="/gradcam")
        return prediction, [(row["caption"], read_pixels(row["image"]).tobytes()) for row in rows]

    alone = ask(clients[0])
    with ThreadPoolExecutor(CLIENTS) as pool:
        assert all(answer == alone for answer in pool.map(ask, clients))


def test_the_app_writes_nothing_to_its_folder(app, client, space, photo):
    client.predict(handle_file(photo), 3, api_name="/classify")
    new_files = {
        str(path.relative_to(app.copy))
        for path in app.copy.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {str(path.relative_to(space)) for path in space.rglob("*")}
    assert not new_files
