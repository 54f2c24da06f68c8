"""Lists the source files of a packaged Space and the libraries that it needs.

A Space contains no training code. A test checks that the shipped rooms import only these libraries.
"""

from pathlib import Path

ROOT = Path(__file__).parents[3]  # the folder that holds the package `cifarlens`

ROOMS = ("pictures", "classifier", "display", "space/app")  # shipped without changes
SOURCE_FILES = (
    "cifarlens/__init__.py",
    "cifarlens/space/__init__.py",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / "cifarlens" / room).rglob("*")
        if path.suffix in (".py", ".css", ".js")
    ),
)
TEMPLATES = {  # the template of each rendered file
    name: f"cifarlens/space/packaging/templates/{name.lstrip('.')}.j2"
    for name in (".gitattributes", "README.md", "app.py", "requirements.txt")
}
THUMBNAIL = "thumbnail.png"
FILES = "files.json"  # lists the other files of a packaged Space
LIBRARIES = ("gradio", "numpy", "pillow", "safetensors", "torch")  # that the source files import
CUDA = ("cuda-", "nvidia-", "triton")  # beginnings of packages that torch's CPU wheel does not need
