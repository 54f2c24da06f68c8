import json
import re
import shutil
from pathlib import Path

import pytest

from cifarlens.space.app.contents import ContentsError, load_contents


@pytest.fixture
def copy(space: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(space, tmp_path / "copy"))


def drop(path: Path, key: str) -> None:
    """Removes a key, as in a file from an earlier version."""
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))


DAMAGE = {
    "card.json cannot be read (Expecting value": lambda f: (f / "card.json").write_text(""),
    "card.json cannot be read ('utf-8' codec": lambda f: (f / "card.json").write_bytes(b"\xff"),
    "card.json cannot be read ([Errno 2]": lambda f: (f / "card.json").unlink(),
    "missing 1 required positional argument: 'opacity'": lambda f: drop(f / "card.json", "opacity"),
    "index.json cannot be read ([Errno 2]": lambda f: (f / "mistakes/index.json").unlink(),
    "index.json cannot be read": lambda f: (f / "mistakes/index.json").write_text("[3]"),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_missing_or_damaged_file_is_named(copy, message):
    DAMAGE[message](copy)
    with pytest.raises(ContentsError, match=re.escape(message)) as caught:
        load_contents(copy)
    assert str(caught.value).startswith(str(copy))
    assert str(caught.value).endswith(": make the Space again with `dvc repro`.")
