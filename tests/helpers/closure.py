"""What a stage uses, found by reading its source: rooms and parameters."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "cifarlens"
# The values that it reads are in dvc.yaml's params, so what it imports to check them is not code
# that a stage runs.
PARAMS = PACKAGE / "params.py"


def imported_files(script: Path) -> set[Path]:
    """Every file of the project that `script` imports, transitively, but not through params.py.

    Packages count by their `__init__.py`. Imports inside functions count too; those under
    `if TYPE_CHECKING:` do not, since they never run.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path != PARAMS:
            for module in imports(path):
                waiting.extend(files(module))
    return found


def room(path: Path) -> str:
    """The folder below the package, or the module beside the folders, that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def used_params(script: Path) -> set[str]:
    """The dotted names that a stage reads of what `load_params` returns.

    It must bind that to `params`, or read it at once, and must not hand the whole of it on.
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
            assert chain, f"{script.name} hands all parameters on in line {node.lineno}"
            names.add(".".join(chain))
    return names


def imports(path: Path) -> set[str]:
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


def files(module: str) -> list[Path]:
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
