from pathlib import Path

import pytest

from cifarlens.runtime.errors import UserError
from cifarlens.space.packaging.shipped import read_sources

NAMES = ("cifarlens/__init__.py", "cifarlens/a.py", "cifarlens/space/__init__.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path


def test_contents_come_unchanged(root):
    text = b'"""\xc3\xa9"""\r\nfrom . import a\n'
    (root / NAMES[0]).write_bytes(text)
    assert read_sources(root, NAMES)[NAMES[0]] == text


@pytest.mark.parametrize(
    "line",
    [
        "import torch.nn.functional as F",
        "from PIL import Image",
        "from gradio.component_meta import ComponentMeta",
        "import json, os.path",
        "from . import a",
        "from .a import anything",
        "from cifarlens.a import anything",
        "from .space import anything",
    ],
)
def test_allowed_imports(root, line):
    (root / NAMES[0]).write_text(line)
    assert read_sources(root, NAMES)


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import pytorch_lightning", "pytorch_lightning"),
        ("import albumentations as A", "albumentations"),
        ("from pytorch_grad_cam import GradCAM", "pytorch_grad_cam"),
        ("import dvc.api", "dvc.api"),
        ("import json, sklearn", "sklearn"),
        ("def f():\n    import torchvision", "torchvision"),
        ("import pickle", "pickle"),
        ("from . import training", "cifarlens/training"),
        ("from .training.fit import fit", "cifarlens/training/fit"),
        ("from cifarlens.training import fit", "cifarlens.training"),
        ("from ..outside import fit", "outside"),
    ],
)
def test_refused_imports(root, line, module):
    (root / NAMES[0]).write_text(line)
    with pytest.raises(UserError, match=f"{NAMES[0]} imports {module}, which a Space"):
        read_sources(root, NAMES)


@pytest.mark.parametrize("call", ["torch.load", "np.load", "numpy.load"])
def test_loading_that_can_unpickle_is_refused(root, call):
    (root / NAMES[1]).write_text(f"x = {call}('file')")
    with pytest.raises(UserError, match=f"{NAMES[1]} uses {call}"):
        read_sources(root, NAMES)


def test_symlinks_are_refused(root):
    (root / "elsewhere.py").write_text("")
    (root / NAMES[1]).unlink()
    (root / NAMES[1]).symlink_to(root / "elsewhere.py")
    with pytest.raises(UserError, match="is a symlink"):
        read_sources(root, NAMES)


def test_missing_files_are_named(root):
    (root / NAMES[1]).unlink()
    with pytest.raises(UserError, match=r"cifarlens/a\.py is missing"):
        read_sources(root, NAMES)


def test_the_real_sources_pass():
    assert read_sources()
