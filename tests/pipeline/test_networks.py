"""A network that a contributor adds only to networks.py runs through all stages."""

import re
import subprocess
from pathlib import Path

from contributed import append_to
from project import Project, ran
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifarlens.runtime.files import read_json

ALL_BUT_DATA = ["lr_find", "train", "evaluate", "gradcam_report", "package_space"]
OPERATIONS = {"Cat", "Relu", "Mul", "AdaptiveAvgPool2d"}
LOAD = """
from pathlib import Path
from cifarlens.space.app.contents import load_contents
contents = load_contents(Path("space"))
print(contents.bundle.config.architecture, *contents.layers)
"""


def test_a_network_with_an_argument_of_its_own_runs_through_all_stages(project: Project) -> None:
    """The tests of each room run the other contributed networks."""
    folder = project.folder
    append_to(folder / "src/cifarlens/classifier/networks.py")
    project.params(model={"name": "forked", "groups": 2, "width": 8}, epochs=1)
    output = project.run("dvc", "repro")
    assert ran(output) == ALL_BUT_DATA
    assert "network graph in TensorBoard" not in output
    config = read_json(folder / "models/config.json")
    assert config["arguments"]["groups"] == 2

    page = (folder / "reports/index.html").read_text()
    assert set(re.findall(r'<th scope="row">(\w+) ', page)) >= OPERATIONS
    space = subprocess.run(
        ["python", "-c", LOAD],
        cwd=folder,
        env={**project.environment(), "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert space.stdout.split() == ["forked", *config["layers"]]
    newest = max((folder / "logs").rglob("events.*"), key=lambda path: path.stat().st_mtime)
    assert graph_operations(newest) >= OPERATIONS


def graph_operations(log: Path) -> set[str]:
    """Returns the operations of the graph in a TensorBoard log."""
    return {node.op for node in EventAccumulator(str(log)).Reload().Graph().node}
