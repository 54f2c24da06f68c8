"""The endpoints of a running copy, as programs meet them."""

import base64
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from space_making import ISOLATED, ROOT, Running, environment

from cifarlens.classifier.predict import predict_logits, softmax
from cifarlens.classifier.preprocess import fit_image
from cifarlens.classifier.saliency import METHODS
from cifarlens.space.app.contents import Contents, load_contents
from cifarlens.space.app.page.handlers import ALL_CLASSES


@pytest.fixture(scope="module")
def contents(space: Path) -> Contents:
    return load_contents(space)


@pytest.fixture(scope="module")
def client(app: Running, tmp_path_factory: pytest.TempPathFactory) -> Client:
    downloads = tmp_path_factory.mktemp("downloads")
    return Client(app.url, verbose=False, download_files=str(downloads))


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture that is neither square nor small."""
    rows, columns = np.mgrid[0:300, 0:400]
    pixels = np.stack([rows * 255 // 300, columns * 255 // 400, (rows ^ columns) % 256], axis=2)
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def expected_probabilities(contents: Contents, path: Path) -> np.ndarray:
    with Image.open(path) as image:
        pixels = fit_image(image, contents.bundle.config.image_size)
    return softmax(predict_logits(contents.bundle, pixels[None]))[0]


def test_exactly_these_endpoints(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/classify", "/gradcam", "/misclassified"}
    parameters = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in named.items()
    }
    assert parameters == {
        "/classify": ["image", "top_k"],
        "/gradcam": ["image", "maps", "layer", "opacity", "method"],
        "/misclassified": ["count", "true_class"],
    }


def test_probabilities_equal_the_networks(client, contents, photo):
    for path in (*contents.examples, photo):
        result = client.predict(handle_file(path), 10, api_name="/classify")
        expected = expected_probabilities(contents, path)
        found = {row["label"]: row["confidence"] for row in result["confidences"]}
        assert set(found) == set(contents.classes)
        for label, name in enumerate(contents.classes):
            assert abs(found[name] - expected[label]) < 1e-5


@pytest.mark.parametrize("count", range(1, 11))
def test_as_many_classes_as_asked_for(client, contents, photo, count):
    result = client.predict(handle_file(photo), count, api_name="/classify")
    order = np.argsort(-expected_probabilities(contents, photo), kind="stable")
    names = [contents.classes[label] for label in order[:count]]
    assert [row["label"] for row in result["confidences"]] == names
    assert result["label"] == names[0]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (11, "11"),
        (1000, "1000"),
        (-1, "-1"),
        (2.5, "2.5"),
        ("5", "'5'"),
        (None, "empty"),
        (True, "true"),
        ([3], "a list"),
    ],
)
def test_other_counts_are_refused_in_words(client, photo, count, shown):
    words = f"Number of top classes is {shown}, but must be a whole number from 1 to 10."
    with pytest.raises(AppError, match=re.escape(words)):
        client.predict(handle_file(photo), count, api_name="/classify")


def upload(app: Running, path: Path) -> dict[str, object]:
    with path.open("rb") as stream:
        answer = httpx.post(f"{app.url}/gradio_api/upload", files={"files": stream})
    return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}


def call(app: Running, name: str, body: str) -> str:
    """The stream of events that answers a request sent as it is."""
    headers = {"content-type": "application/json"}
    answer = httpx.post(f"{app.url}/gradio_api/call/{name}", content=body, headers=headers)
    if answer.status_code != 200:
        return f"event: error\nstatus {answer.status_code}"
    event = answer.json()["event_id"]
    return httpx.get(f"{app.url}/gradio_api/call/{name}/{event}", timeout=30).text


@pytest.mark.parametrize("number", ["NaN", "1e400", "-1e400", "11", '"10"', "true", "null", "{}"])
def test_numbers_that_only_json_can_hold_are_refused(app, photo, number):
    picture = json.dumps(upload(app, photo))
    assert "event: complete" in call(app, "classify", f'{{"data":[{picture},10]}}')
    assert "event: error" in call(app, "classify", f'{{"data":[{picture},{number}]}}')


def test_a_missing_picture_is_refused_in_words(client):
    with pytest.raises(AppError, match="The picture is missing: upload one first"):
        client.predict(None, 3, api_name="/classify")


def test_a_bad_file_is_refused_in_words_without_its_path(client, tmp_path):
    path = tmp_path / "secret-name.jpg"
    path.write_text("This is no picture.")
    with pytest.raises(AppError, match="could not be read as a picture") as caught:
        client.predict(handle_file(path), 3, api_name="/classify")
    assert "secret-name" not in str(caught.value)


def pixels(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_heat_maps(client, contents, photo):
    for layer in contents.layers:
        for method in METHODS:
            result = client.predict(handle_file(photo), 2, layer, 70, method, api_name="/gradcam")
            assert len(result) == 2
            assert pixels(result[0]["image"]).shape == (256, 256, 3)
    order = np.argsort(-expected_probabilities(contents, photo), kind="stable")
    assert [row["caption"].split()[0] for row in result] == [
        contents.classes[label] for label in order[:2]
    ]


def test_opacity_zero_is_the_picture_and_more_is_not(client, contents, photo):
    layer = next(iter(contents.layers))
    found = [
        pixels(
            client.predict(handle_file(photo), 1, layer, opacity, "Grad-CAM", api_name="/gradcam")[
                0
            ]["image"]
        )
        for opacity in (0, 50, 100)
    ]
    with Image.open(photo) as image:
        seen = fit_image(image, 32).repeat(8, axis=0).repeat(8, axis=1)
    assert (found[0] == seen).all()
    change = [np.abs(one - found[0]).mean() for one in found]
    assert 0 == change[0] < change[1] < change[2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, "layer3", 70, "Grad-CAM"), "Number of Grad-CAM images is 0"),
        ((2, "layer9", 70, "Grad-CAM"), "Layer is 'layer9'"),
        ((2, None, 70, "Grad-CAM"), "Layer is empty"),
        ((2, "layer3", 101, "Grad-CAM"), "Opacity is 101"),
        ((2, "layer3", True, "Grad-CAM"), "Opacity is true"),
        ((2, "layer3", 70, "eval('1')"), "Method is"),
    ],
)
def test_other_heat_maps_are_refused_in_words(client, photo, arguments, words):
    with pytest.raises(AppError, match=re.escape(words)):
        client.predict(handle_file(photo), *arguments, api_name="/gradcam")


def test_misclassified_images(client, contents):
    result = client.predict(5, ALL_CLASSES, api_name="/misclassified")
    assert len(result) == 5
    for row, found in zip(contents.mistakes, result, strict=False):
        true, given = contents.classes[row.label], contents.classes[row.predicted]
        assert found["caption"].startswith(f"{true} taken for {given} (")
        assert (pixels(found["image"]) == contents.image(row)).all()


def test_misclassified_images_of_one_class(client, contents):
    name = contents.classes[contents.mistakes[0].label]
    expected = [row for row in contents.mistakes if contents.classes[row.label] == name]
    result = client.predict(12, name, api_name="/misclassified")
    assert len(result) == len(expected)
    with pytest.raises(AppError, match="True class is 'cat'"):
        client.predict(12, "cat", api_name="/misclassified")
    with pytest.raises(AppError, match="Number of misclassified images is 13"):
        client.predict(13, name, api_name="/misclassified")


def test_addresses_and_inline_pictures_are_refused(app, photo):
    inline = "data:image/png;base64," + base64.b64encode(photo.read_bytes()).decode()
    for place in (f"{app.url}/theme.css", "https://localhost/picture.png"):
        picture = {"path": place, "url": place, "meta": {"_type": "gradio.FileData"}}
        answer = call(app, "classify", json.dumps({"data": [picture, 3]}))
        assert "must be sent as an uploaded file" in answer
    for picture in ({"url": inline}, {"path": None, "url": inline}, inline):
        assert "event: error" in call(app, "classify", json.dumps({"data": [picture, 3]}))


@pytest.fixture(scope="module")
def visitors(app: Running, tmp_path_factory: pytest.TempPathFactory) -> list[Client]:
    """A client each: the threads of one share a stream, and lose answers on a busy machine."""
    downloads = str(tmp_path_factory.mktemp("visitors"))
    return [Client(app.url, verbose=False, download_files=downloads) for _ in range(20)]


def test_twenty_at_once_get_identical_answers(visitors, photo):
    def ask(visitor: Client) -> str:
        return json.dumps(visitor.predict(handle_file(photo), 3, api_name="/classify"))

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, visitors))
    assert len(set(answers)) == 1


def test_eight_visitors_at_once_get_the_maps_of_one(visitors, contents, photo):
    def ask(visitor: Client, turn: int) -> list[tuple[str, bytes]]:
        layer, method = layers[turn % len(layers)], list(METHODS)[turn % len(METHODS)]
        rows = visitor.predict(handle_file(photo), 3, layer, 70, method, api_name="/gradcam")
        return [(row["caption"], pixels(row["image"]).tobytes()) for row in rows]

    def ask_all(visitor: Client) -> list[list[tuple[str, bytes]]]:
        return [ask(visitor, turn) for turn in range(4)]

    layers = list(contents.layers)
    alone = ask_all(visitors[0])
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(ask_all, visitors[:8]):
            assert found == alone


def test_it_writes_nothing_into_its_folder(app, client, space, photo):
    client.predict(handle_file(photo), 3, api_name="/classify")
    new = {
        str(path.relative_to(app.copy))
        for path in app.copy.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {str(path.relative_to(space)) for path in space.rglob("*")}
    assert not new


def test_starting_the_copy_needs_the_copy(app, tmp_path):
    """The isolation is real: without its own modules the app cannot start."""
    shutil.copytree(app.copy, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy/cifarlens/classifier")
    done = subprocess.run(
        [sys.executable, "-c", ISOLATED, str(ROOT / "src")],
        cwd=tmp_path / "copy",
        env=environment(tmp_path, 1),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "No module named 'cifarlens.classifier'" in done.stderr
