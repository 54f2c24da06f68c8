"""What lr_find and train say of damaged results of the stages before, before they train."""

import json
from pathlib import Path

import pytest

from cifarlens.dataset.arrays import save_dataset
from cifarlens.runtime import paths
from cifarlens.runtime.errors import UserError
from cifarlens.runtime.files import write_json
from stages import lr_find, train

PARAMS = Path("params.yaml").resolve()
NAN = float("nan")


@pytest.fixture
def project(few_digits, tmp_path, monkeypatch):
    """What stats and lr_find leave; batches that are too large, so that no run would start."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_bytes(PARAMS.read_bytes())
    save_dataset(paths.DATASET, few_digits)
    write_json(paths.STATS_METRICS, {"mean": [0.3, 0.3, 0.3], "std": [0.3, 0.3, 0.3]})
    write_json(paths.LR_FIND_METRICS, {"lr_max": 0.01, "lr_min": 0.0001})


def spoil(path: Path, key: str, value: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("stage", [lr_find, train])
def test_sound_results_let_it_begin(stage):
    with pytest.raises(UserError, match="batch_size is 512, but must be at most 200"):
        stage.main()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("stage", [lr_find, train])
@pytest.mark.parametrize("key", ["mean", "std"])
@pytest.mark.parametrize(
    "value", ["x", 0.5, [0.5], [0.5] * 4, ["0.5"] * 3, [True] * 3, [NAN] * 3, [2] * 3, [-1] * 3, {}]
)
def test_statistics(stage, key, value):
    spoil(paths.STATS_METRICS, key, value)
    with pytest.raises(UserError, match=f"metrics/stats.json.* {key} (is|as) ") as caught:
        stage.main()
    assert "dvc repro" in str(caught.value)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("key", ["lr_max", "lr_min"])
@pytest.mark.parametrize("value", ["0.1", None, True, NAN, float("inf"), -0.1, 0, 1000, [0.1]])
def test_rates(key, value):
    spoil(paths.LR_FIND_METRICS, key, value)
    with pytest.raises(UserError, match=f"metrics/lr_find.json.* {key} (is|as) ") as caught:
        train.main()
    assert "dvc repro" in str(caught.value)
    assert not paths.CHECKPOINTS.exists()
