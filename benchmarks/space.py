"""Measures the speed of the packaged Space: `python -m benchmarks.space [FOLDER] [--json PATH]`.

Sends HTTP requests, uploads included, to a copy of FOLDER or, without FOLDER, of a new Space with
an untrained network, which is as fast. Needs httpx, and Linux to read memory from /proc.
"""

import argparse
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch
from PIL import Image

from cifarlens.classifier.bundle import BundleConfig, BundleError, load_bundle, save_bundle
from cifarlens.classifier.networks import NETWORKS
from cifarlens.classifier.predict import predict_logits
from cifarlens.classifier.saliency import METHODS
from cifarlens.evaluation.metrics import evaluate
from cifarlens.params import Space
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.paths import LOCK
from cifarlens.sources.digits import read_digits
from cifarlens.space.app.contents import ContentsError
from cifarlens.space.packaging.package import Ingredients, describe_test, package_space
from cifarlens.space.packaging.serve import check_space

from .processes import memory
from .table import describe_machine, load_average, output_file

STARTS = 3
SINGLE_REQUESTS = 50  # with one client
CLIENTS = 20
REQUESTS_PER_CLIENT = 3  # in one round with concurrent clients
ROUNDS = 3  # with concurrent clients; other programs can disturb a single round
MEMORY_REQUESTS = 500
TIMEOUT = 60  # seconds
SOURCE = Path(__file__).parents[1] / "src"
# Starts app.py so that it can import only the copy's own cifarlens.
START = """
import runpy, sys
from pathlib import Path
sys.path[:] = [str(Path.cwd())] + [p for p in sys.path if p and not Path(p) == Path(sys.argv[1])]
sys.meta_path[:] = [f for f in sys.meta_path if not str(f).startswith("<class '__editable__")]
runpy.run_path("app.py", run_name="__main__")
"""


@dataclass(frozen=True)
class Measurement:
    """Holds one line of the table; the goal is a maximum."""

    name: str
    value: float
    unit: str
    goal: float
    details: dict[str, Any]

    def line(self) -> str:
        mark = "ok" if self.value <= self.goal else "MISSED"
        details = ", ".join(f"{key} {value}" for key, value in self.details.items())
        numbers = f"{self.value:>9.1f} {self.unit:<4}{self.goal:>6g}"
        return f"{self.name:<34}{numbers}  {mark:<6} {details}"


def make_space(folder: Path) -> Path:
    """Packages a Space with an untrained `custom_resnet` of width 64 and the digits dataset."""
    torch.manual_seed(0)
    data, verdict, scale = read_digits(), {"faithful": True, "changes": True}, (0.3,) * 3
    network = NETWORKS["custom_resnet"](10)
    config = BundleConfig("custom_resnet", {}, data.classes, scale, scale, 32, network.layers)
    save_bundle(folder / "models", network, config)
    logits = predict_logits(load_bundle(folder / "models"), data.test_images)
    ingredients = Ingredients(
        model=folder / "models",
        dataset=data,
        test_logits=logits,
        test=describe_test(evaluate(logits, data.test_labels, data.classes)),
        train_images=len(data.train_labels),
        trust=dict.fromkeys(network.layers, dict.fromkeys(METHODS, verdict)),
        lock=LOCK,
        source="digits",
        space=Space(mistakes=50, top_classes=3),
        opacity=0.6,
        recipe={"Epochs": "0"},
    )
    package_space(folder / "space", ingredients)
    return folder / "space"


@contextmanager
def run_space(space: Path, folder: Path) -> Iterator[tuple[str, int, float]]:
    """Runs a copy; yields its URL, process id and the seconds until it answered."""
    copy = folder / "copy"
    shutil.copytree(space, copy)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    excluded = ("PYTHON", "OMP_NUM_THREADS")  # the app limits itself to one thread
    environment = {key: value for key, value in os.environ.items() if not key.startswith(excluded)}
    environment |= {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
        "HF_HUB_OFFLINE": "1",
        "SYSTEM": "spaces",
    }
    command = [sys.executable, "-c", START, str(SOURCE)]
    start = time.perf_counter()
    with (folder / "log").open("wb") as log:
        app = subprocess.Popen(command, cwd=copy, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(url, app, folder / "log")
        yield url, app.pid, time.perf_counter() - start
    finally:
        app.terminate()
        app.wait(10)
        shutil.rmtree(copy)


def _wait_for(url: str, app: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while app.poll() is None and time.monotonic() < deadline:
        try:
            httpx.get(url, trust_env=False, timeout=5)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    sys.exit(f"error: the Space did not start:\n{log.read_text()}")


class Visitor:
    """Sends requests to a Space over a separate connection, as each real visitor does."""

    def __init__(self, url: str, picture: bytes, layers: list[str]) -> None:
        self.web = httpx.Client(base_url=f"{url}/gradio_api", timeout=TIMEOUT, trust_env=False)
        self.picture, self.layers = picture, layers

    def classify(self) -> str:
        return self._request("classify", 3)

    def gradcam(self) -> str:
        """Returns the captions of three maps; the file names differ between visitors."""
        answer = json.loads(self._request("gradcam", 3, self.layers[-1], 70, "Grad-CAM", []))
        return json.dumps([row["caption"] for row in answer[0]])

    def all_maps(self) -> str:
        """Asks, in a session of its own, for ten maps of every layer."""
        settings: Any = ([], self.layers, "Grad-CAM", False, False)
        return self._request("page_classify", 10, True, 10, *settings)

    def _request(self, name: str, *values: object) -> str:
        """Uploads the picture, calls the API and returns the answer; raises if it is an error."""
        files = {"files": ("picture.png", self.picture)}
        path = self.web.post("/upload", files=files).raise_for_status().json()[0]
        image = {"path": path, "meta": {"_type": "gradio.FileData"}}
        response = self.web.post(f"/call/{name}", json={"data": [image, *values]})
        event = response.raise_for_status().json()["event_id"]
        stream = self.web.get(f"/call/{name}/{event}").raise_for_status().text
        if "event: complete" not in stream:
            raise RuntimeError(stream)
        return stream.split("data: ", 1)[1].strip()


def time_request(request: Callable[[], str]) -> tuple[float, str]:
    """Returns the milliseconds, and the answer or `error: …`."""
    start = time.perf_counter()
    try:
        answer = request()
    except (httpx.HTTPError, RuntimeError) as error:
        answer = f"error: {error!r}"
    return (time.perf_counter() - start) * 1000, answer


def measure_cold_start(space: Path, folder: Path) -> Measurement:
    seconds = []
    for _ in range(STARTS):
        with run_space(space, folder) as (_url, _pid, start_seconds):
            seconds.append(start_seconds)
    details = {"minimum": f"{min(seconds):.1f}", "starts": STARTS}
    return Measurement("cold start, median", statistics.median(seconds), "s", 5, details)


def measure_one_client(name: str, request: Callable[[], str], goal: float) -> Measurement:
    results = [time_request(request) for _ in range(SINGLE_REQUESTS)]
    times = [milliseconds for milliseconds, _ in results]
    details = {
        "minimum": f"{min(times):.1f}",
        "p95": f"{float(np.percentile(times, 95)):.1f}",
        "errors": count_errors([answer for _, answer in results]),
    }
    return Measurement(f"{name}, one client, median", statistics.median(times), "ms", goal, details)


def measure_many_clients(name: str, visitors: list[Visitor], goal: float) -> Measurement:
    """Measures the p95 of the median round, because other programs share the machine."""

    def send_requests(visitor: Visitor) -> list[tuple[float, str]]:
        return [time_request(getattr(visitor, name)) for _ in range(REQUESTS_PER_CLIENT)]

    p95s, answers = [], []
    for _ in range(ROUNDS):
        with ThreadPoolExecutor(len(visitors)) as pool:
            results = [result for row in pool.map(send_requests, visitors) for result in row]
        p95s.append(float(np.percentile([milliseconds for milliseconds, _ in results], 95)))
        answers += [answer for _, answer in results]
    details = {
        "best round": f"{min(p95s):.0f}",
        "errors": count_errors(answers),
        "distinct answers": len(set(answers)),
    }
    title = f"{name}, {len(visitors)} at once, p95"
    return Measurement(title, statistics.median(p95s), "ms", goal, details)


def measure_memory_growth(name: str, request: Any, pid: int, goal: float) -> Measurement:
    """Measures how much memory grows during `MEMORY_REQUESTS` requests; the caches are warm."""
    before = memory(pid)
    answers = [time_request(request)[1] for _ in range(MEMORY_REQUESTS)]
    growth = memory(pid) - before
    details = {
        "before": f"{before:.0f} MB",
        "peak": f"{memory(pid, 'VmHWM'):.0f} MB",
        "errors": count_errors(answers),
    }
    return Measurement(f"memory growth in {MEMORY_REQUESTS} {name}", growth, "MB", goal, details)


def count_errors(answers: list[str]) -> int:
    return sum(answer.startswith("error") for answer in answers)


def make_photo() -> bytes:
    """Returns a PNG of 640×480 pixels, neither flat nor noise."""
    rows, columns = np.mgrid[0:480, 0:640]
    pixels = np.stack([rows * 255 // 480, columns * 255 // 640, (rows ^ columns) % 256], axis=2)
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def measure(space: Path, folder: Path) -> Iterator[Measurement]:
    """Yields every measurement as soon as it is measured."""
    yield measure_cold_start(space, folder)
    layers = json.loads((space / "model/config.json").read_text())["layers"]
    with run_space(space, folder) as (url, pid, _):
        visitors = [Visitor(url, make_photo(), layers) for _ in range(CLIENTS)]
        for visitor in visitors[:5]:  # warms up
            visitor.classify(), visitor.gradcam()
        yield measure_one_client("classify", visitors[0].classify, 50)
        yield measure_one_client("three maps", visitors[0].gradcam, 100)
        yield measure_many_clients("classify", visitors, 1000)
        yield measure_many_clients("gradcam", visitors, 2000)
        yield measure_memory_growth("requests", visitors[0].classify, pid, 20)
        yield measure_memory_growth("sessions", visitors[0].all_maps, pid, 200)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.space", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="a packaged Space")
    parser.add_argument("--json", type=output_file, help="also write the measurements to this file")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": describe_machine(), "figures": []}
    print(", ".join(f"{key} {value}" for key, value in result["machine"].items()))
    try:
        with tempfile.TemporaryDirectory(prefix="space-") as temporary:
            if options.folder:
                check_space(options.folder)
            space = options.folder or make_space(Path(temporary))
            print(f"{'':<34}{'measured':>9} {'':<4}{'goal':>6}")
            for measurement in measure(space, Path(temporary)):
                print(measurement.line(), flush=True)
                result["figures"].append(asdict(measurement))
    except (UserError, BundleError, ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        if options.json:
            options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"load {load_average()} at the end")


if __name__ == "__main__":
    main()
