"""Networks that a contributor adds to networks.py alone go through all seven stages."""

import re
import subprocess
from pathlib import Path

import pytest
from contributed import CONTRIBUTED, append_to
from project import Project, make_project
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifarlens.runtime.files import read_json

STAGES = ["download", "stats", "lr_find", "train", "evaluate", "gradcam_report", "package_space"]
ARGUMENTS = {"forked": {"groups": 2}}  # of its own
NAMED = {
    "gated": {"Sigmoid", "Mul", "Mean"},
    "forked": {"Cat", "Relu", "Mul", "AdaptiveAvgPool2d"},
    "pyramid": {"Interpolate", "Zeros_like", "Avg_pool2d", "View"},
}
LOAD = """
from pathlib import Path
from cifarlens.space.app.contents import load_contents
contents = load_contents(Path("space"))
print(contents.bundle.config.architecture, *contents.layers)
"""


@pytest.fixture(scope="module")
def contributed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout whose networks.py has three more."""
    made = make_project(
        tmp_path_factory.mktemp("networks") / "checkout", model={"width": 8}, epochs=1
    )
    append_to(made.folder / "src/cifarlens/classifier/networks.py")
    made.commit("three networks")
    return made


@pytest.mark.parametrize("name", CONTRIBUTED)
def test_all_stages_run(contributed: Project, name: str) -> None:
    folder = contributed.folder
    contributed.run("git", "checkout", "-q", "--", "params.yaml")
    contributed.params(model={"name": name, **ARGUMENTS.get(name, {})})
    output = contributed.run("dvc", "repro")
    ran = re.findall(r"Running stage '(\w+)'", output)
    assert ran == [stage for stage in STAGES if stage in ran]
    assert set(STAGES) - set(ran) <= {"download", "stats"}  # which know of no network
    assert "gets no graph" not in output
    config = read_json(folder / "models/config.json")
    assert config["arguments"].items() >= ARGUMENTS.get(name, {}).items()

    page = (folder / "reports/index.html").read_text()
    rows = set(re.findall(r'<th scope="row">(\w+) ', page))
    assert NAMED[name] <= rows
    loaded = subprocess.run(
        ["python", "-c", LOAD],
        cwd=folder,
        env={**contributed.environment(), "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.split() == [name, *config["layers"]]
    newest = max((folder / "logs").rglob("events.*"), key=lambda path: path.stat().st_mtime)
    kinds = {node.op for node in graph(newest)}
    assert NAMED[name] <= kinds


def graph(log: Path) -> list[object]:
    """The nodes in a log of TensorBoard."""
    return list(EventAccumulator(str(log)).Reload().Graph().node)
