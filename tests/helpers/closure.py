"""Reads from its source which rooms and parameters a stage uses."""

import ast
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "cifarlens"
# dvc.yaml lists the values that it reads under params, so the modules that check them are not
# dependencies of a stage.
PARAMS = PACKAGE / "params.py"


def imported_files(script: Path) -> set[Path]:
    """Returns the project's files that `script` imports, transitively, but not through params.py.

    A package is its `__init__.py`. Imports inside functions count too.
    """
    imported: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in imported:
            continue
        imported.add(path)
        if path != PARAMS:
            for module in imports(path):
                waiting.extend(files(module))
    return imported


def room(path: Path) -> str:
    """Returns the folder of the package, or the module next to the folders, that holds a file."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def used_params(script: Path) -> set[str]:
    """Returns the dotted names of the parameters that a stage reads.

    It must assign the result of `load_params` to `params`, or read a name directly, and must not
    pass all parameters on.
    """
    tree = ast.parse(script.read_text())
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    names: set[str] = set()
    for node in ast.walk(tree):
        loaded = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_params"
        bound = loaded and isinstance(parents[node], ast.Assign)
        if bound:
            assert ast.unparse(parents[node]) == "params = load_params()"
        read = isinstance(node, ast.Name) and node.id == "params"
        if (loaded and not bound) or (read and isinstance(node.ctx, ast.Load)):
            chain = []
            while isinstance(parents[node], ast.Attribute):
                node = parents[node]
                chain.append(node.attr)
            assert chain, f"{script.name} passes all parameters on in line {node.lineno}"
            names.add(".".join(chain))
    return names


def imports(path: Path) -> set[str]:
    """Returns the absolute dotted names that a file imports: modules and names in modules."""
    package = _name(path) if path.name == "__init__.py" else _name(path).rpartition(".")[0]
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def _name(path: Path) -> str:
    base = SOURCE if path.is_relative_to(SOURCE) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def files(module: str) -> list[Path]:
    """Returns the files of a module of this project and of the packages that contain it."""
    parts = module.split(".")
    files = []
    for end in range(1, len(parts) + 1):
        for base in (SOURCE, ROOT):
            place = base.joinpath(*parts[:end])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file() and parts[0] in ("cifarlens", "stages"):
                    files.append(path)
    return files
