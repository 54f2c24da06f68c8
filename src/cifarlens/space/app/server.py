"""Starts the demo for a packaged Space's folder."""

import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "page"
QUEUE = 64  # requests that wait; more are refused at once
STYLES = ("style.css", "results.css")
UPLOAD_LIMIT = "10mb"


def main(folder: Path) -> None:
    """Serves the Space in `folder` until it is stopped; exits with 2 if it cannot be used."""
    # Read when gradio is imported, so before that.
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

    import torch

    from ...classifier.bundle import BundleError
    from .contents import ContentsError, load_contents

    torch.set_num_threads(1)  # requests run side by side instead
    try:
        contents = load_contents(folder)
    except (BundleError, ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    from .page.layout import CONCURRENCY, build

    blocks = build(contents)
    blocks.queue(max_size=QUEUE, default_concurrency_limit=CONCURRENCY)
    blocks.launch(**_options(contents.card.opacity))


def _options(opacity: float) -> dict[str, Any]:
    from starlette.middleware import Middleware

    from .limits import BodyLimit
    from .page.theme import heat_rule, theme

    script = (HERE / "page.js").read_text(encoding="utf-8")
    styles = [(HERE / name).read_text(encoding="utf-8") for name in STYLES]
    return {
        "theme": theme(),
        "css": "\n".join([heat_rule(opacity), *styles]),
        "head": f"<script>{script}</script>",
        "max_file_size": UPLOAD_LIMIT,
        "app_kwargs": {"middleware": [Middleware(BodyLimit)]},
        "enable_monitoring": False,
        "ssr_mode": False,
        "show_error": False,  # its text would hold paths
        "footer_links": ["api", "gradio", "settings"],
        "run_history": False,
        "pwa": False,
        "state_session_capacity": 500,
    }
