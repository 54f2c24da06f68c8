"""Chromium for the tests of pages.

`page` fails its test on a console error, an uncaught exception or a request that leaves this
machine, in any tab of its context. A test that provokes one clears `faults`.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--use-fake-device-for-media-stream",  # a camera for the Space's tests
    "--use-fake-ui-for-media-stream",
]
LOCAL_SCHEMES = {"about", "blob", "data", "file"}
LOCAL_HOSTS = {"127.0.0.1", "localhost"}


def _chromium(bundled: str) -> str:
    """Returns the path of the system's browser or Playwright's; skips the test if there is none."""
    paths = [path for name in NAMES if (path := shutil.which(name))]
    if paths:
        return paths[0]
    if Path(bundled).is_file():
        return bundled
    message = f"no Chromium: install one of {', '.join(NAMES)}"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")  # Playwright keeps an event loop in this thread
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    with sync_playwright() as playwright:
        path = _chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """Console errors, exceptions and requests to other machines so far."""
    return []


@pytest.fixture
def page(browser: Browser, faults: list[str]) -> Iterator[Page]:
    """A new page of 1280×900 pixels without animations, in its own context."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-US"
    )
    context.set_default_timeout(20_000)

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in LOCAL_SCHEMES and address.hostname not in LOCAL_HOSTS:
            faults.append(f"request: {request.url}")

    context.on("console", on_console)
    context.on("weberror", lambda error: faults.append(f"exception: {error.error}"))
    context.on("request", on_request)
    yield context.new_page()
    context.close()
    assert not faults, faults
