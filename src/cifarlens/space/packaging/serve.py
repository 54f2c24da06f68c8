"""Runs a copy of a packaged Space: `python -m cifarlens.space.packaging.serve FOLDER`.

A copy, since a running app may write beside its source, and the folder is a stage's output.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ...classifier.bundle import BundleError
from ...runtime.errors import UserError
from ...runtime.signals import Stopped, stoppable
from ..app.contents import CARD, MODEL, ContentsError, load_contents

STOP_SECONDS = 10
PORT, HOST = "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME"
# They would let another cifarlens than the copy's own be found first.
LEFT_OUT = ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONHOME")


def serve(folder: Path) -> int:
    """Copies the Space, runs it until it ends or is stopped, and returns its exit code.

    Raises:
        UserError: the folder is not a packaged Space, or the port asked for cannot be used.
        BundleError: its model cannot be used.
        ContentsError: its card or its list of mistakes is missing or damaged.
    """
    check(folder)
    check_port(os.environ)
    environment = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
    with tempfile.TemporaryDirectory(prefix="space-") as temporary:
        copy = Path(temporary) / "space"
        shutil.copytree(folder, copy)
        app = subprocess.Popen([sys.executable, "app.py"], cwd=copy, env=environment)
        try:
            return app.wait()
        finally:
            _stop(app)


def check(folder: Path) -> None:
    """Raises what `serve` does for a folder that is not a packaged Space, or a damaged one."""
    for name in ("app.py", CARD, MODEL):
        if not (folder / name).exists():
            raise UserError(
                f"{folder} is not a packaged Space (it has no {name}): make one with `dvc repro`,"
                " or name its folder, such as demo/space after `make demo`."
            )
    load_contents(folder)


def check_port(environment: Mapping[str, str]) -> None:
    """Raises UserError if a port is asked for and cannot be used; Gradio would take another."""
    asked = environment.get(PORT)
    if asked is None:
        return
    if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked) <= 65_535:
        raise UserError(f"{PORT} is {asked!r}, but must be a whole number from 1 to 65535.")
    host = environment.get(HOST, "127.0.0.1")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(asked)))
        except OSError as error:
            raise UserError(
                f"Port {asked} of {host} cannot be used ({error.strerror}): stop what uses it, or"
                f" set {PORT} to another."
            ) from None


def _stop(app: "subprocess.Popen[bytes]") -> None:
    app.terminate()
    try:
        app.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        app.kill()
        app.wait()


def main(arguments: list[str]) -> int:
    """Exit codes: the app's own, 2 for a user's mistake, 130 after Ctrl-C, 143 after SIGTERM."""
    if len(arguments) != 1:
        print(
            "error: name one folder: python -m cifarlens.space.packaging.serve FOLDER",
            file=sys.stderr,
        )
        return 2
    try:
        with stoppable():
            return serve(Path(arguments[0]))
    except (UserError, BundleError, ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        return stopped.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
