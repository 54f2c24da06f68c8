"""dvc.yaml lists exactly the rooms, parameters and files that each stage uses."""

import json
from pathlib import Path

import pytest
import yaml
from closure import PACKAGE, PARAMS, ROOT, imported_files, room, used_params

from cifarlens.params import Params

DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES, PLOTS = DVC["stages"], DVC["plots"]
ROOMS = "src/cifarlens/"
NO_OUTPUTS = ("logs/", "checkpoints/", "data/archive/", ".dvc/tmp/")  # not outputs of a stage
UNFINISHED = ".part"  # in the names of temporary files


def paths(stage: str, *kinds: str) -> set[str]:
    """Returns the paths that dvc.yaml lists for a stage under deps, outs, metrics or plots."""
    entries = [entry for kind in kinds for entry in STAGES[stage].get(kind, [])]
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def declared_source(stage: str) -> set[str]:
    return {path for path in paths(stage, "deps") if path.startswith(("src/", "stages/"))}


def used_source(stage: str) -> set[str]:
    """Returns the stage's script and the rooms that it imports."""
    script = ROOT / f"stages/{stage}.py"
    imported = imported_files(script) - {script, PACKAGE / "__init__.py", PARAMS}
    return {f"stages/{stage}.py", *(ROOMS + room(path) for path in imported)}


def leaves(names: set[str]) -> set[str]:
    """Returns single parameters; a name may be a section."""
    keys = set()
    for name in names:
        section, _, key = name.partition(".")
        inner = getattr(Params.model_fields[section].annotation, "model_fields", None)
        keys |= {f"{section}.{one}" for one in inner} if inner and not key else {name}
    return keys


def difference(declared: set[str], used: set[str]) -> list[str]:
    """Returns the changes that dvc.yaml needs; empty if both agree."""
    return [f"remove {path}" for path in sorted(declared - used)] + [
        f"add {path}" for path in sorted(used - declared)
    ]


def inside(path: str, places: set[str]) -> set[str]:
    """Returns the listed folders and files that contain a path."""
    return {place for place in places if Path(path).is_relative_to(place)}


def undeclared(opened: set[str], declared: set[str]) -> list[str]:
    return [
        path
        for path in sorted(opened)
        if not inside(path, declared) and not path.startswith(NO_OUTPUTS) and UNFINISHED not in path
    ]


def unused(declared: set[str], opened: set[str]) -> list[str]:
    return sorted(declared - {place for path in opened for place in inside(path, declared)})


def test_every_stage_is_described_and_accuracy_is_the_first_metric():
    """DVC's tables have the order of the stages in dvc.yaml."""
    assert next(iter(STAGES)) == "evaluate"
    assert {path.stem for path in (ROOT / "stages").glob("[a-z]*.py")} == set(STAGES)
    assert all(stage["desc"] for stage in STAGES.values())
    assert all(STAGES[name]["cmd"] == f"python -m stages.{name}" for name in STAGES)


def test_it_can_be_read():
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) <= 200


@pytest.mark.parametrize("stage", STAGES)
def test_rooms(stage):
    assert difference(declared_source(stage), used_source(stage)) == []


@pytest.mark.parametrize("stage", STAGES)
def test_params(stage):
    used = used_params(ROOT / f"stages/{stage}.py")
    assert difference(leaves(set(STAGES[stage].get("params", []))), leaves(used)) == []


@pytest.mark.parametrize("stage", STAGES)
def test_small_results_are_tracked_by_git_and_the_rest_is_cached(stage):
    """DVC's run cache restores files outside its cache only if they are metrics or plots."""
    for kind in ("metrics", "plots"):
        for entry in STAGES[stage].get(kind, []):
            assert list(entry.values()) == [{"cache": False}]
    outs = [entry for entry in STAGES[stage].get("outs", []) if not isinstance(entry, str)]
    assert outs == ([{"data/dataset": {"persist": True}}] if stage == "download" else [])


def test_every_table_is_in_the_list_of_plots():
    """The page leaves out how DVC draws the plots of a stage."""
    listed = {path for plot in PLOTS if isinstance(plot, dict) for path in plot.popitem()[1]["y"]}
    tables = {path for stage in STAGES for path in paths(stage, "plots")}
    assert tables == listed


@pytest.mark.parametrize("stage", STAGES)
def test_files_opened_when_it_runs(first_run, stage):
    trace = json.loads((first_run.traces / f"stages.{stage}.json").read_text())
    inputs, outputs = paths(stage, "deps"), paths(stage, "outs", "metrics", "plots")
    read, written = (
        {path for path in trace[kind] if Path(path).suffix != ".py" and "__pycache__" not in path}
        for kind in ("read", "written")
    )
    if "models/config.json" in read:  # safetensors opens the weights outside Python
        read.add("models/model.safetensors")
    needed = {path for path in inputs if not path.startswith(("src/", "stages/", "data/source/"))}
    assert undeclared(read - {"params.yaml"}, inputs | outputs) == []
    assert undeclared(written, outputs) == []
    assert unused(needed, read) == []
    assert unused(outputs, written) == []
