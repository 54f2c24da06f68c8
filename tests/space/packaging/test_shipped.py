"""The shipped rooms import only what a Space contains, and never unpickle."""

import ast
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

from cifarlens.space.packaging.shipped import ROOMS, ROOT, SOURCE_FILES

# Import names of the libraries; Gradio itself depends on Starlette.
LIBRARIES = {"PIL", "gradio", "numpy", "safetensors", "starlette", "torch"}
UNPICKLING = {"marshal", "pickle", "shelve", "torch.load", "numpy.load", "np.load"}
AVAILABLE = LIBRARIES | (sys.stdlib_module_names - UNPICKLING)


def imported_modules(node: ast.AST, name: str) -> Iterator[str]:
    """Yields the full names of the modules that an import in the file `name` refers to."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = PurePosixPath(name).parents[node.level - 1].parts if node.level else ()
        if node.module:
            yield ".".join([*package, node.module])
        else:
            yield from (".".join([*package, alias.name]) for alias in node.names)


def is_available(module: str) -> bool:
    path, top = module.replace(".", "/"), module.partition(".")[0]
    shipped = {f"{path}.py", f"{path}/__init__.py"} & set(SOURCE_FILES)
    return bool(shipped) if top == "cifarlens" else top in AVAILABLE


def find_problems(name: str, source: str) -> list[str]:
    """Returns the modules and functions that a file must not use in a Space."""
    problems = []
    for node in ast.walk(ast.parse(source, name)):
        problems += [m for m in imported_modules(node, name) if not is_available(m)]
        if isinstance(node, ast.Attribute) and ast.unparse(node) in UNPICKLING:
            problems.append(ast.unparse(node))
    return problems


def test_shipped_modules_use_only_what_a_space_contains():
    problems = {
        name: find_problems(name, (ROOT / name).read_text())
        for name in SOURCE_FILES
        if name.endswith(".py")
    }
    assert {name: names for name, names in problems.items() if names} == {}


def test_every_file_of_the_shipped_rooms_ships():
    files = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / "cifarlens" / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= set(SOURCE_FILES)
