"""Runs a copy of a packaged Space: `python -m cifarlens.space.packaging.serve FOLDER`.

The folder is the output of a stage, and a running app may write next to its source code, so it runs
from a copy of the files that package_space wrote. Where that stage has not run, a Space is packaged
from the released weights alone.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ...classifier.bundle import BundleError
from ...release.fetch import RELEASE
from ...runtime.errors import UserError, describe_file_error
from ...runtime.files import read_json
from ...runtime.output import tolerate_output_errors
from ...runtime.paths import SPACE
from ...runtime.signals import Stopped, stoppable
from ..app.contents import ContentsError, load_contents
from .alone import package_alone
from .shipped import FILES

STOP_SECONDS = 10
ALONE = (
    "The folder space/ does not exist, so this Space contains only the released weights: its"
    " examples are drawn scenes, and its tab Mistakes is empty. `make pretrained` makes the whole"
    " Space, and needs CIFAR-10."
)
PORT, HOST = "GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME"
# These could make the app import another cifarlens than the copy's own.
IMPORT_VARIABLES = ("PYTHONPATH", "PYTHONSAFEPATH", "PYTHONHOME")


def serve(folder: Path) -> int:
    """Copies the Space, runs the copy until it ends or is stopped, and returns its exit code.

    Raises:
        UserError: the folder is not a packaged Space, it cannot be copied, or the requested port is
            not available.
        BundleError: the model cannot be used.
        ContentsError: the card or the list of mistakes is missing or damaged.
    """
    names = check_space(folder)
    check_port(os.environ)
    with copy_files(folder, names) as copy:
        return _run(copy)


def serve_alone() -> int:
    """Packages and runs a Space of the released weights alone; returns the app's exit code.

    Raises:
        UserError: the weights cannot be put in place, or the requested port is not available.
    """
    check_port(os.environ)
    with tempfile.TemporaryDirectory(prefix="space-") as temporary:
        folder = Path(temporary) / "space"
        package_alone(folder)
        print(ALONE, flush=True)
        return _run(folder)


def _run(folder: Path) -> int:
    environment = {key: value for key, value in os.environ.items() if key not in IMPORT_VARIABLES}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment)
    try:
        return app.wait()
    finally:
        _stop(app)


@contextmanager
def copy_files(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Yields a temporary folder with these files; follows links, such as those to DVC's cache.

    Raises:
        UserError: the files cannot be copied.
    """
    with ExitStack() as stack:
        try:
            copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="space-")))
            for name in names:
                target = copy / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, target)
        except OSError as error:
            raise UserError(
                f"{folder} cannot be copied to a temporary folder ({error.strerror}): set TMPDIR to"
                " a folder that you can write to, on a disk that is not full."
            ) from None
        yield copy


def check_space(folder: Path) -> list[str]:
    """Checks that the folder is a packaged Space that can be read.

    Returns:
        The names of the files that package_space wrote; there may be others.

    Raises:
        UserError: the folder is not a packaged Space.
        BundleError: the model cannot be used.
        ContentsError: the card or the list of mistakes is missing or damaged.
    """
    present = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    try:
        names = [FILES, *read_json(folder / FILES)] if FILES in present else [FILES]
        missing = [f"{name} is missing" for name in names if name not in present]
    except (OSError, ValueError, TypeError) as error:
        missing = [f"{FILES} cannot be read: {error}"]
    if missing:
        raise UserError(
            f"{folder} is not a packaged Space ({missing[0]}); run `dvc repro` to create it, or"
            " give another folder, such as demo/space after `make demo`."
        )
    load_contents(folder)
    return names


def check_port(environment: Mapping[str, str]) -> None:
    """Raises UserError if the requested port is not available; Gradio would use another port."""
    port = environment.get(PORT)
    if port is None:
        return
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65_535:
        raise UserError(
            f"{PORT} is {port!r}; it must be a whole number from 1 to 65535. Change or unset it."
        )
    host = environment.get(HOST, "127.0.0.1")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise UserError(
                f"Port {port} of {host} is not available ({error.strerror}): stop the program that"
                f" uses it, or set {PORT} to another port."
            ) from None


def _stop(app: "subprocess.Popen[bytes]") -> None:
    app.terminate()
    try:
        app.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        app.kill()
        app.wait()


def main(arguments: list[str]) -> int:
    """Returns the app's exit code, 2 after a user error, 130 after Ctrl-C, 143 after SIGTERM."""
    tolerate_output_errors()
    if len(arguments) != 1:
        print(
            "error: give one folder: python -m cifarlens.space.packaging.serve FOLDER",
            file=sys.stderr,
        )
        return 2
    try:
        with stoppable():
            folder = Path(arguments[0])
            alone = folder == SPACE and not folder.exists() and RELEASE.exists()
            return serve_alone() if alone else serve(folder)
    except (UserError, BundleError, ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if (message := describe_file_error(error)) is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        return stopped.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
