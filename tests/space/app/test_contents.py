import re
import shutil
from pathlib import Path

import pytest

from cifarlens.space.app.contents import ContentsError, load_contents


@pytest.fixture
def copy(space: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(space, tmp_path / "copy"))


DAMAGE = {
    "card.json cannot be read (Expecting value": lambda f: (f / "card.json").write_text(""),
    "card.json cannot be read ([Errno 2]": lambda f: (f / "card.json").unlink(),
    "(missing: dataset, opacity, parameters, ": lambda f: (f / "card.json").write_text("{}"),
    "index.json cannot be read": lambda f: (f / "mistakes/index.json").write_text("[3]"),
}


@pytest.mark.parametrize("message", DAMAGE)
def test_a_missing_or_damaged_file_is_named(copy, message):
    DAMAGE[message](copy)
    with pytest.raises(ContentsError, match=re.escape(message)) as caught:
        load_contents(copy)
    assert str(caught.value).startswith(str(copy))
    assert str(caught.value).endswith("; run `dvc repro` to create it again.")
