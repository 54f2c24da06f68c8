"""Makes Spaces from an untrained network and scikit-learn's digits, and runs copies of them."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from sklearn.datasets import load_digits

from cifarlens.classifier.bundle import BundleConfig, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.predict import predict_logits
from cifarlens.dataset.arrays import Dataset
from cifarlens.evaluation.metrics import evaluate
from cifarlens.explanation.gradcam import METHODS
from cifarlens.params import Space
from cifarlens.pictures.fit import Fit
from cifarlens.space.packaging.package import Ingredients, describe_test, package_space

ROOT = Path(__file__).parents[3]
ODD_NAMES = (  # of classes, each hard for another language or format
    *("<img src=x onerror=alert(1)>", "Größe & Maß", "日本語 クラス", "العربية", 'a "quoted" name'),
    *("$$x_1$$ & 100%", "{{ 7*7 }}", "${7*7}", "@children", "1", "true", "null", "x" * 60),
    *("- [link](#) `code` *b* ~s~ #1", "'single' \\ back | pipe: y", "&amp; &lt;i&gt;", "हिन्दी"),
    *("www.example.com", "a@example.com", "می\u200cخواهم"),
)
WIDTH = 8
TEST_IMAGES = 200
START_SECONDS = 60
TEMPERATURE = 0.8
OPACITY = 0.65  # initial opacity of heat maps; differs from params.yaml
RECIPE = {"Epochs": "0", "Optimizer": "none: the network was never trained"}
REFUSALS = ("InvalidPathError", "ValidationError")  # that Gradio logs
HTTP = httpx.Client(timeout=60, trust_env=False)

# Starts app.py so that only the copy's own cifarlens can be imported.
ISOLATED = """
import runpy, sys
from pathlib import Path
source, copy = Path(sys.argv[1]), Path.cwd()
sys.path[:] = [str(copy)] + [p for p in sys.path if p and not Path(p).is_relative_to(source)]
sys.meta_path[:] = [f for f in sys.meta_path if not str(f).startswith("<class '__editable__")]
import cifarlens.space.app.server
assert Path(cifarlens.__file__).is_relative_to(copy), cifarlens.__file__
assert Path(cifarlens.space.app.__file__).is_relative_to(copy)
runpy.run_path("app.py", run_name="__main__")
"""
IN_ISOLATION = (sys.executable, "-c", ISOLATED, str(ROOT / "src"))


def make_dataset(names: Sequence[str]) -> Dataset:
    """Returns the digits of so many classes, each pixel enlarged to 4×4 in three equal channels.

    More than ten classes share the digits.
    """
    digits, classes = load_digits(), len(names)
    selected = digits.target < classes
    grey = (digits.images[selected] * (255 / 16)).astype(np.uint8)
    images = np.kron(grey, np.ones((1, 4, 4), np.uint8))[..., np.newaxis].repeat(3, axis=3)
    targets = digits.target[selected] if classes <= 10 else np.arange(len(images)) % classes
    labels = targets.astype(np.int64)
    test, train = slice(0, TEST_IMAGES), slice(TEST_IMAGES, None)
    return Dataset(images[train], labels[train], images[test], labels[test], tuple(names))


def make_ingredients(
    folder: Path,
    classes: int | Sequence[str] = 10,
    mistakes: int = 12,
    perfect: bool = False,
    architecture: str = "custom_resnet",
    source: str = "digits",
    fit: Fit = "crop",
) -> Ingredients:
    """Returns an untrained network; if `perfect`, its predictions are used as the labels.

    `classes` are names, or a number of classes with numbers as names.
    """
    torch.manual_seed(1)
    names = [str(label) for label in range(classes)] if isinstance(classes, int) else classes
    network = NETWORKS[architecture](len(names), width=WIDTH)
    data = make_dataset(names)
    config = BundleConfig(
        architecture, {"width": WIDTH}, data.classes, (0.3,) * 3, (0.35,) * 3, 32, network.layers
    )
    save_bundle(folder / "models", network, config)
    logits = predict_logits(load_bundle(folder / "models"), data.test_images)
    if perfect:
        labels = logits.argmax(1)
        data = Dataset(data.train_images, data.train_labels, data.test_images, labels, data.classes)
    result = evaluate(logits / TEMPERATURE, data.test_labels, data.classes)
    trust = {
        layer: {
            method: {"faithful": depth > 0, "changes": rank % 2 == 0}
            for rank, method in enumerate(METHODS)
        }
        for depth, layer in enumerate(network.layers)
    }
    return Ingredients(
        model=folder / "models",
        dataset=data,
        test_logits=logits,
        test=describe_test(result),
        train_images=len(data.train_labels) - 50,
        held_out=50,
        temperature=TEMPERATURE,
        trust=trust,
        lock=ROOT / "requirements.lock",
        source=source,
        fit=fit,
        space=Space(mistakes=mistakes, top_classes=3),
        opacity=OPACITY,
        recipe=RECIPE,
    )


def make_space(folder: Path, **options: object) -> Path:
    """Packages a Space in `folder`."""
    package_space(folder / "space", make_ingredients(folder, **options))
    return folder / "space"


@dataclass(frozen=True)
class RunningSpace:
    """A running copy of a Space."""

    url: str
    copy: Path
    log: Path
    process: "subprocess.Popen[bytes]"

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Uploads a file; returns the value that passes it to an endpoint."""
        answer = HTTP.post(f"{self.url}/gradio_api/upload", files={"files": (name, content)})
        assert answer.status_code == 200, answer.text
        return picture(answer.json()[0])

    def ask(self, endpoint: str, *values: object) -> tuple[str, Any]:
        """Returns `complete` or `error`, and the data or the message."""
        return self.post(endpoint, json.dumps({"data": values}))

    def post(self, endpoint: str, body: str | bytes) -> tuple[str, Any]:
        """Sends a request body unchanged; returns as `ask` does."""
        url = f"{self.url}/gradio_api/call/{endpoint}"
        answer = HTTP.post(url, content=body, headers={"content-type": "application/json"})
        if answer.status_code != 200:
            assert 400 <= answer.status_code < 600
            return "error", answer.text
        stream = HTTP.get(f"{url}/{answer.json()['event_id']}").text
        event, text = re.findall(r"^(?:event|data): (.*)$", stream, re.MULTILINE)[-2:]
        data = json.loads(text)
        return event, data["error"] if isinstance(data, dict) else data


def picture(path: str) -> dict[str, Any]:
    """Returns the value that passes an uploaded file to an endpoint."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, port: int) -> dict[str, str]:
    """Returns variables without access to this repository or to other machines."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return {
        **inherited,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Waits until the app answers; fails with its log if it exits first."""
    limit = time.monotonic() + START_SECONDS
    while time.monotonic() < limit and process.poll() is None:
        try:
            HTTP.get(url, timeout=2)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the app did not start:\n{log.read_text()}")


@contextmanager
def run_copy(
    space: Path,
    folder: Path,
    refusals: tuple[str, ...] = REFUSALS,
    command: Sequence[str] = IN_ISOLATION,
    **settings: str,
) -> Iterator[RunningSpace]:
    """Runs a copy of a Space with further environment variables.

    Fails at the end if the log has an exception other than those that Gradio logs for hostile
    requests.
    """
    copy = folder / "copy"
    shutil.copytree(space, copy)
    port, log = free_port(), folder / "app.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=copy,
            env=environment(folder, port) | settings,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, process, log)
        yield RunningSpace(url, copy, log, process)
    finally:
        process.terminate()
        process.wait(10)
    raised = re.findall(r"^([\w.]*(?:Error|Exception)\b.*)", log.read_text(), re.MULTILINE)
    raised = [line for line in raised if not any(words in line for words in refusals)]
    assert not raised, f"{raised}\n{log.read_text()}"


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
