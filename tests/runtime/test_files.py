import json

import numpy as np
import pytest

from cifarlens.runtime import files
from cifarlens.runtime.errors import UserError


def test_json_is_the_same_whatever_the_order_of_keys(tmp_path):
    files.write_json(tmp_path / "deep/a.json", {"b": 0.1, "a": [1, "é"]})
    files.write_json(tmp_path / "b.json", {"a": [1, "é"], "b": 0.1})
    text = (tmp_path / "deep/a.json").read_text()
    assert text == '{\n  "a": [\n    1,\n    "é"\n  ],\n  "b": 0.1\n}\n'
    assert (tmp_path / "b.json").read_text() == text
    assert files.read_json(tmp_path / "b.json") == {"a": [1, "é"], "b": 0.1}


def test_json_refuses_nan_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"a": float("nan")})
    assert files.read_json(path) == {"a": 1}


def test_csv(tmp_path):
    path = tmp_path / "a.csv"
    files.write_csv(path, ["epoch", "val_loss"], [(1, None), (2, 5e-05)])
    assert path.read_bytes() == b"epoch,val_loss\n1,\n2,5e-05\n"
    assert files.read_csv(path)[1] == {"epoch": "2", "val_loss": "5e-05"}


def test_array(tmp_path):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    files.write_array(tmp_path / "a.npy", array.T)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array.T)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail():
        with files.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


STATS = {"images": 3, "mean": [0.1, 0.2], "counts": {"cat": 1, "dog": 2}, "lr_max": 0.1}


def read_stats(path):
    kinds = {"lists": ("mean",), "tables": ("counts",), "optional": ("loss", "accuracy")}
    return files.read_metrics(path, "images", "lr_max", **kinds)


@pytest.mark.parametrize("more", [{}, {"loss": 1.5, "accuracy": 1}, {"other": "x"}])
def test_metrics(tmp_path, more):
    files.write_json(tmp_path / "stats.json", STATS | more)
    assert read_stats(tmp_path / "stats.json") == STATS | more


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"9" * 5000, "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is no JSON object"),
        (b"3", "is no JSON object"),
        (b'{"lr_max": 1}', "has no images"),
    ],
)
def test_damaged_metrics_are_named(tmp_path, content, sentence):
    path = tmp_path / "stats.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence) as caught:
        read_stats(path)
    assert f"git checkout {path}" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        *(("images", value, "a number") for value in (None, "x", True, [], {}, 10**400)),
        *(("images", value, "a number") for value in (float("nan"), float("inf"))),
        *(("lr_max", value, "a number above 0") for value in (0, -0.1, "0.1", False, None)),
        *(("mean", value, "a list of numbers") for value in (0.1, "x", {}, ["0.1"], [0.1, None])),
        *(("counts", value, "an object of numbers") for value in (3, [], {"cat": "1"})),
    ],
)
def test_metrics_of_another_kind_are_named(tmp_path, key, value, allowed):
    path = tmp_path / "stats.json"
    path.write_text(json.dumps(STATS | {key: value}))
    with pytest.raises(UserError, match=f"has {key} as .*, not {allowed}: bring it back") as caught:
        read_stats(path)
    assert len(str(caught.value)) < 400 + 2 * len(str(path))


@pytest.mark.parametrize("more", [{"loss": 1}, {"accuracy": 1}])
def test_optional_metrics_come_all_or_none(tmp_path, more):
    files.write_json(tmp_path / "stats.json", STATS | more)
    with pytest.raises(UserError, match=r"has no (loss|accuracy): "):
        read_stats(tmp_path / "stats.json")
