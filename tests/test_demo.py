"""The folder that `make demo` prepares."""

from pathlib import Path

from ruamel.yaml import YAML

from cifarlens.demo import CHANGES, merge, prepare
from cifarlens.params import load_params

ROOT = Path(__file__).parents[1]


def test_the_folder_is_a_separate_project_with_the_parameters_of_the_demo(tmp_path):
    prepare(ROOT, tmp_path)
    assert (tmp_path / "stages/train.py").read_bytes() == (ROOT / "stages/train.py").read_bytes()
    assert (tmp_path / "src/cifarlens/params.py").exists()
    assert not (tmp_path / "dvc.lock").exists()
    assert "no_scm = true" in (tmp_path / ".dvc/config.local").read_text()
    path = tmp_path / "params.yaml"
    params = load_params(path)
    assert (params.data.source, params.model.width, params.epochs) == ("digits", 16, 24)
    assert "# passes over the training images" in path.read_text()
    expected = YAML(typ="safe").load(ROOT / "params.yaml")
    merge(expected, YAML(typ="safe").load(ROOT / CHANGES))
    assert YAML(typ="safe").load(path) == expected


def test_a_wrong_key_stays_for_the_first_stage_to_report():
    params = {"epochs": 24, "model": {"width": 64}}
    merge(params, {"modle": {"width": 16}, "epochs": {"most": 3}})
    assert params == {"epochs": {"most": 3}, "model": {"width": 64}, "modle": {"width": 16}}


def test_a_second_demo_keeps_results_and_removes_old_code(tmp_path):
    prepare(ROOT, tmp_path)
    (tmp_path / "metrics/train.json").write_text("{}")
    (tmp_path / "stages/old.py").write_text("")
    prepare(ROOT, tmp_path)
    assert (tmp_path / "metrics/train.json").exists()
    assert not (tmp_path / "stages/old.py").exists()
