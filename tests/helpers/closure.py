"""What a stage uses, found by reading its source: modules, files and parameters."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"


def imported_files(script: Path) -> set[str]:
    """Every file of the project that `script` imports, transitively, relative to the root.

    Packages count by their `__init__.py`. Imports inside functions count too; those under
    `if TYPE_CHECKING:` do not, since they never run.
    """
    found: set[Path] = set()
    waiting = [script, script.parent / "__init__.py"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for module in _imports(path):
            waiting.extend(_files(module))
    return {str(path.relative_to(ROOT)) for path in found}


def loaded_params(script: Path) -> set[str]:
    """The literal names in the script's calls of `load_params`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "load_params":
            for argument in node.args:
                assert isinstance(argument, ast.Constant), "names must be literal"
                names.add(argument.value)
    return names


def path_constants(script: Path) -> set[str]:
    """Names of `cifarlens.runtime.paths` that the script itself mentions."""
    tree = ast.parse(script.read_text())
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "paths"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "cifarlens.runtime.paths":
            names.update(alias.name for alias in node.names)
    return names


def _imports(path: Path) -> set[str]:
    """Absolute dotted names a file imports: modules, and what may be a module inside one."""
    package = _name(path) if path.name == "__init__.py" else _name(path).rpartition(".")[0]
    names: set[str] = set()
    for node in _running(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            names.add(base)
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def _running(tree: ast.AST) -> list[ast.AST]:
    nodes: list[ast.AST] = []
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        nodes.append(child)
        nodes.extend(_running(child))
    return nodes


def _name(path: Path) -> str:
    base = SOURCE if path.is_relative_to(SOURCE) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _files(module: str) -> list[Path]:
    """The module's file and those of the packages around it, if it is one of ours."""
    parts = module.split(".")
    files = []
    for end in range(1, len(parts) + 1):
        for base in (SOURCE, ROOT):
            place = base.joinpath(*parts[:end])
            for path in (place.with_suffix(".py"), place / "__init__.py"):
                if path.is_file() and parts[0] in ("cifarlens", "stages"):
                    files.append(path)
    return files
