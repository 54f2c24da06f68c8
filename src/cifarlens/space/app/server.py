"""Serves the demo from the folder of a packaged Space."""

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

from .uploads import keep_swept, own_folder

ASSETS = Path(__file__).parent / "page/assets"
MAX_QUEUE = 64  # waiting requests; further requests are refused
STYLES = ("style.css", "controls.css", "results.css", "about.css")
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
    with ExitStack() as stack:
        uploads = _enter_folder(stack)
        # Must be set before gradio is imported. The app sends requests only to itself.
        os.environ[UPLOADS] = str(uploads)
        os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
        os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000000"  # else after every request
        os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "1"
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
        from gradio.processing_utils import save_file_to_cache

        from .choices import stored_pictures
        from .mailboxes import bound
        from .page.layout import build
        from .page.tabs.controls import CONCURRENCY

        blocks = build(contents)
        blocks.queue(max_size=MAX_QUEUE, default_concurrency_limit=CONCURRENCY, api_open=False)
        bound(blocks._queue)
        for file in stored_pictures(contents).values():  # the sweeper keeps what is there now
            save_file_to_cache(file, cache_dir=str(uploads))
        keep_swept(uploads, lists=blocks.temp_file_sets)
        blocks.launch(**_options(blocks, contents.card.opacity))


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def _enter_folder(stack: ExitStack) -> Path:
    """Returns a folder for uploads and answers, removed at the end.

    Gradio's default belongs to the user who first ran any Gradio app on the machine.
    """
    chosen = os.environ.get(UPLOADS)
    try:
        folder = stack.enter_context(own_folder(chosen))
    except OSError as error:
        reason = error.strerror
        _fail(
            f"{UPLOADS} is {chosen}; it must be a folder that you can write to ({reason})."
            " Change or unset it."
            if chosen
            else f"Cannot create a folder for uploads ({reason}): set TMPDIR to another one."
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return folder


def _options(blocks: Any, opacity: float) -> dict[str, Any]:
    from starlette.middleware import Middleware

    from .gate import Gate
    from .page.theme import heat_rule, theme

    script = (ASSETS / "page.js").read_text(encoding="utf-8")
    styles = [(ASSETS / name).read_text(encoding="utf-8") for name in STYLES]
    return {
        "theme": theme(),
        "css": "\n".join([heat_rule(opacity), *styles]),
        "head": f"<script>{script}</script>",
        "max_file_size": UPLOAD_LIMIT,
        "app_kwargs": {"middleware": [Middleware(Gate, blocks=blocks)]},
        "enable_monitoring": False,
        "ssr_mode": False,
        "show_error": False,  # tracebacks contain paths
        "footer_links": ["api", "gradio", "settings"],
        "run_history": False,
        "pwa": False,
        "state_session_capacity": 10,  # sessions hold nothing that a visitor needs
    }
