import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifarlens.space.app.contents import ContentsError, load_contents


@pytest.fixture
def copy(space: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(space, tmp_path / "copy"))


def change(path: Path, edit: Callable[[Any], object]) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_packaged_space_can_be_read(copy):
    contents = load_contents(copy)
    assert len(contents.examples) == len(contents.classes) == 10
    assert len(contents.mistakes) == 12


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda card: card.pop("test"), "has no usable test:"),
        (lambda card: card.pop("recipe"), "has no usable recipe:"),
        (lambda card: card.update(parameters="many"), "has no usable parameters:"),
        (lambda card: card.update(top_classes=True), "has no usable top_classes:"),
        (lambda card: card["dataset"].pop("link"), "has no usable dataset.link:"),
        (lambda card: card["test"].update(loss=None), "has no usable test.loss:"),
    ],
)
def test_a_damaged_card_is_named(copy, edit, words):
    change(copy / "card.json", edit)
    with pytest.raises(ContentsError, match=words) as caught:
        load_contents(copy)
    assert str(caught.value).startswith(str(copy / "card.json"))
    assert str(caught.value).endswith(": make the Space again with `dvc repro`.")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda rows: rows.append(3), "has a row that is not made of file, index,"),
        (lambda rows: rows[0].pop("label"), "has a row that is not made of file, index,"),
        (lambda rows: rows[0].update(label="cat"), "has no usable label:"),
        (lambda rows: rows[0].update(predicted=10), "has a label that is not from 0 to 9:"),
        (lambda rows: rows[0].update(file="mistakes/none.png"), "which is missing:"),
    ],
)
def test_a_damaged_list_of_mistakes_is_named(copy, edit, words):
    change(copy / "mistakes/index.json", edit)
    with pytest.raises(ContentsError, match=words):
        load_contents(copy)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b""])
def test_a_card_that_is_no_json_is_named(copy, content):
    (copy / "card.json").write_bytes(content)
    with pytest.raises(ContentsError, match="cannot be read"):
        load_contents(copy)
