"""Draws docs/overview.png: `python docs/picture/draw.py`, about a minute on two CPU cores.

Runs the pipeline on the drawn scenes of scenes.py, opens the report and the Space in Chromium, and
puts parts of both side by side. The repository's own data and results do not change.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from cifarlens.demo import prepare

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "docs/overview.png"
PARAMS = {
    "data": {"source": "scenes", "val_size": 0},
    "epochs": 8,
    "augment": {"flip": True},
    "gradcam": {"images": 24},
}
WIDTH, HEIGHT, GAP = 520, 720, 24  # CSS pixels of a panel; two pixels of the picture each


def run_pipeline(folder: Path) -> None:
    prepare(ROOT, folder, PARAMS)
    sources = folder / "src/cifarlens/sources"
    shutil.copy(Path(__file__).with_name("scenes.py"), sources)
    (folder / "data/source/scenes").touch()
    with (sources / "__init__.py").open("a") as stream:
        stream.write("\nfrom .scenes import SCENES  # noqa: E402\n\nSOURCES['scenes'] = SCENES\n")
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=folder, check=True)


@contextmanager
def serve_space(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    app = subprocess.Popen(
        [sys.executable, "-m", "cifarlens.space.packaging.serve", "space"],
        cwd=folder,
        env={**os.environ, "GRADIO_SERVER_PORT": str(port)},
    )
    try:
        while app.poll() is None:
            try:
                urllib.request.urlopen(address, timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        app.terminate()
        app.wait()


def open_page(browser: Browser, address: str) -> Page:
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
    page.goto(address, wait_until="networkidle")  # Gradio is ready for clicks
    return page


def screenshot(page: Page, selector: str) -> Image.Image:
    """Returns a panel of the page that begins above an element."""
    page.locator(selector).first.evaluate(
        "element => scrollTo(0, element.getBoundingClientRect().top + scrollY - 24)"
    )
    return Image.open(BytesIO(page.screenshot()))


def take_screenshots(folder: Path) -> list[Image.Image]:
    """Returns panels of the report, its heat maps and the Space."""
    with sync_playwright() as playwright, serve_space(folder) as address:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        report = open_page(browser, (folder / "reports/index.html").as_uri())
        report.add_style_tag(content="header { display: none }")
        space = open_page(browser, address)
        space.get_by_role("button", name="Example: rocket").click()
        space.locator("#maps figcaption", has_text="rocket").wait_for()
        space.get_by_label("number input for Number of Grad-CAM images").fill("5")
        space.locator("#maps .heat").nth(4).wait_for()
        panels = [
            screenshot(report, "main"),
            screenshot(report, "#explanations .cards"),
            screenshot(space, "#maps"),
        ]
        browser.close()
    return panels


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "scenes"
        run_pipeline(folder)
        panels = take_screenshots(folder)
    side = 2 * (WIDTH + GAP)
    picture = Image.new("RGB", (3 * side + 2 * GAP, 2 * (HEIGHT + 2 * GAP)), "#e2e8f0")
    for column, panel in enumerate(panels):
        picture.paste(panel, (2 * GAP + column * side, 2 * GAP))
    picture.quantize(256, dither=Image.Dither.NONE).save(OUTPUT, optimize=True)


if __name__ == "__main__":
    main()
