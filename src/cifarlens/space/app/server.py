"""Serves the demo from the folder of a packaged Space."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

PAGE = Path(__file__).parent / "page"
MAX_QUEUE = 64  # waiting requests; further requests are refused
STYLES = ("style.css", "results.css")
UPLOAD_LIMIT = "10mb"
UPLOADS = "GRADIO_TEMP_DIR"  # environment variable: folder for uploaded and cached files


def main(folder: Path) -> None:
    """Serves the Space in `folder` until it is stopped; exits with code 2 if it is unusable."""
    import torch

    from ...classifier.bundle import BundleError
    from .contents import ContentsError, load_contents

    torch.set_num_threads(1)  # requests run in parallel instead
    try:
        contents = load_contents(folder)
    except (BundleError, ContentsError) as error:
        _fail(str(error))
    with _folder_for_uploads():
        # Must be set before gradio is imported. The app sends requests only to itself.
        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
        from .page.layout import CONCURRENCY, build

        blocks = build(contents)
        blocks.queue(max_size=MAX_QUEUE, default_concurrency_limit=CONCURRENCY)
        blocks.launch(**_options(contents.card.opacity))


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


@contextmanager
def _folder_for_uploads() -> Iterator[None]:
    """Gives Gradio a folder of its own and removes it at the end, unless the user has chosen one.

    Gradio's default belongs to the user who first ran any Gradio app on the machine.
    """
    if chosen := os.environ.get(UPLOADS):
        try:
            Path(chosen).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=chosen):
                pass
        except OSError as error:
            _fail(
                f"{UPLOADS} is {chosen}; it must be a folder that you can write to"
                f" ({error.strerror}). Change or unset it."
            )
        yield
        return
    try:
        temporary = tempfile.TemporaryDirectory(prefix="gradio-", ignore_cleanup_errors=True)
    except OSError as error:
        _fail(f"Cannot create a folder for uploads ({error.strerror}): set TMPDIR to another one.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with temporary as folder:
        os.environ[UPLOADS] = folder
        yield


def _options(opacity: float) -> dict[str, Any]:
    from starlette.middleware import Middleware

    from .limits import BodyLimit
    from .page.theme import heat_rule, theme

    script = (PAGE / "page.js").read_text(encoding="utf-8")
    styles = [(PAGE / name).read_text(encoding="utf-8") for name in STYLES]
    return {
        "theme": theme(),
        "css": "\n".join([heat_rule(opacity), *styles]),
        "head": f"<script>{script}</script>",
        "max_file_size": UPLOAD_LIMIT,
        "app_kwargs": {"middleware": [Middleware(BodyLimit)]},
        "enable_monitoring": False,
        "ssr_mode": False,
        "show_error": False,  # tracebacks contain paths
        "footer_links": ["api", "gradio", "settings"],
        "run_history": False,
        "pwa": False,
        "state_session_capacity": 500,
    }
