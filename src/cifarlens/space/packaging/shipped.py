"""Which source files a packaged Space holds, and which libraries its requirements name.

A Space has no training code. A test holds the rooms that ship to these libraries.
"""

from pathlib import Path

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
