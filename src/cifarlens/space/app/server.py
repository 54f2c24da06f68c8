"""Serves the demo from the folder of a packaged Space."""

import os
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parent / "page"
MAX_QUEUE = 64  # waiting requests; further requests are refused
STYLES = ("style.css", "results.css")
UPLOAD_LIMIT = "10mb"


def main(folder: Path) -> None:
    """Serves the Space in `folder` until it is stopped; exits with code 2 if it is unusable."""
    # Must be set before gradio is imported.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

    import torch

    from ...classifier.bundle import BundleError
    from .contents import ContentsError, load_contents

    torch.set_num_threads(1)  # requests run in parallel instead
    try:
        contents = load_contents(folder)
    except (BundleError, ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    from .page.layout import CONCURRENCY, build

    blocks = build(contents)
    blocks.queue(max_size=MAX_QUEUE, default_concurrency_limit=CONCURRENCY)
    blocks.launch(**_options(contents.card.opacity))


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
