"""The rooms that ship read as they stand: they import only what a Space has, and never unpickle."""

import ast
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from cifarlens.space.packaging.shipped import PACKAGED, ROOMS, ROOT

# By the name that is imported; Gradio is an application of Starlette.
AVAILABLE = {"PIL", "gradio", "numpy", "safetensors", "starlette", "torch"}
UNPICKLING = {"marshal", "pickle", "shelve", "torch.load", "numpy.load", "np.load"}
MODULES = [name for name in PACKAGED if name.endswith(".py")]


def imported(node: ast.AST, name: str) -> Iterator[str]:
    """Modules that an import statement of the file `name` names, in full."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = PurePosixPath(name).parents[node.level - 1].parts if node.level else ()
        if node.module:
            yield ".".join([*package, node.module])
        else:
            yield from (".".join([*package, alias.name]) for alias in node.names)


def ships(module: str) -> bool:
    path = module.replace(".", "/")
    return f"{path}.py" in PACKAGED or f"{path}/__init__.py" in PACKAGED


def refused(name: str, source: str) -> list[str]:
    """What in a file a Space lacks or must not use."""
    found = []
    for node in ast.walk(ast.parse(source, name)):
        for module in imported(node, name):
            top = module.partition(".")[0]
            known = AVAILABLE | (sys.stdlib_module_names - UNPICKLING)
            if not (ships(module) if top == "cifarlens" else top in known):
                found.append(module)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in UNPICKLING:
            found.append(ast.unparse(node))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_it_needs_only_what_a_space_has(name):
    assert refused(name, (ROOT / name).read_text()) == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import torch.nn.functional as F, json", []),
        ("from ..classifier.bundle import Bundle", []),
        ("from cifarlens.display import heatmap", []),
        ("def f():\n    import torchvision", ["torchvision"]),
        ("from ..training.recipe import describe_recipe", ["cifarlens.training.recipe"]),
        ("from .. import training", ["cifarlens.training"]),
        ("import pickle", ["pickle"]),
        ("x = np.load('file')", ["np.load"]),
    ],
)
def test_this_test_would_notice(line, found):
    assert refused("cifarlens/space/any.py", line) == found


def test_every_file_of_the_rooms_ships():
    """Nothing that the code could miss stays behind."""
    files = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / "cifarlens" / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= set(PACKAGED)
    assert all((ROOT / name).is_file() for name in PACKAGED)
