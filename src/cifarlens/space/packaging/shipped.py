"""Which source files a packaged Space holds, and what they may import.

The list is explicit: a new module ships only when it is named here. A Space has no training code
and needs nothing beyond `LIBRARIES`; a file that imports more is refused.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ...runtime.errors import UserError

ROOT = Path(__file__).parents[3]  # the folder that holds the package `cifarlens`

ROOMS = ("classifier", "display", "space/app")  # that ship as they are
PACKAGED = (
    "cifarlens/__init__.py",
    "cifarlens/space/__init__.py",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / "cifarlens" / room).rglob("*")
        if path.suffix in (".py", ".css", ".js")
    ),
)
TEMPLATES = {  # by the file that each becomes
    name: f"cifarlens/space/packaging/templates/{name.lstrip('.')}.j2"
    for name in (".gitattributes", "README.md", "app.py", "requirements.txt")
}

LIBRARIES = ("gradio", "numpy", "pillow", "safetensors", "torch")  # as requirements name them
# Gradio is an application of Starlette.
IMPORTS = frozenset({"PIL", "gradio", "numpy", "safetensors", "starlette", "torch"})
UNSAFE_IMPORTS = frozenset({"dill", "joblib", "marshal", "pickle", "shelve"})
UNSAFE_CALLS = frozenset({"torch.load", "numpy.load", "np.load"})


def files_read() -> tuple[Path, ...]:
    """Every source file that packaging reads, relative to the project's root."""
    return tuple(Path("src") / name for name in (*PACKAGED, *TEMPLATES.values()))


def read_sources(root: Path = ROOT, names: tuple[str, ...] = PACKAGED) -> dict[str, bytes]:
    """The packaged files' contents, by their path in the Space.

    Args:
        root: the folder that the names are relative to.
        names: which files.

    Raises:
        UserError: one is missing, is a symlink, or imports what a Space does not have.
    """
    sources = {}
    for name in names:
        path = root / name
        if path.is_symlink():
            raise UserError(f"{path} is a symlink: put the file itself there.")
        if not path.is_file():
            raise UserError(f"{path} is missing: restore it with `git checkout`.")
        sources[name] = path.read_bytes()
        if path.suffix == ".py":
            _check_imports(name, sources[name], names)
    return sources


def _check_imports(name: str, source: bytes, names: tuple[str, ...]) -> None:
    for node in ast.walk(ast.parse(source, name)):
        for module in _imported(node, name):
            if not _available(module, names):
                raise UserError(
                    f"{name} imports {module}, which a Space does not have: take the import out, or"
                    " add the module to PACKAGED in cifarlens/space/sources.py."
                )
        if isinstance(node, ast.Attribute) and ast.unparse(node) in UNSAFE_CALLS:
            raise UserError(
                f"{name} uses {ast.unparse(node)}, which can unpickle: load safetensors."
            )


def _imported(node: ast.AST, name: str) -> Iterator[str]:
    """Modules that an import statement names, in full; those of our own package as paths."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""
    elif isinstance(node, ast.ImportFrom):
        package = PurePosixPath(name).parents[node.level - 1]
        if node.module:
            yield str(package.joinpath(*node.module.split(".")))
        else:
            yield from (str(package / alias.name) for alias in node.names)


def _available(module: str, names: tuple[str, ...]) -> bool:
    if "/" in module:
        return f"{module}.py" in names or f"{module}/__init__.py" in names
    top = module.split(".")[0]
    if top == "cifarlens":
        return _available(module.replace(".", "/"), names)
    return top in IMPORTS or (top in sys.stdlib_module_names and top not in UNSAFE_IMPORTS)
