"""Pushes a packaged Space to Hugging Face: `python -m cifarlens.space.packaging.push USER/NAME`.

Shows what would happen and changes nothing, unless `--yes` is given. The Space becomes exactly the
folder: what lies there and is not in the folder is deleted.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import NoReturn

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from ...classifier.bundle import CONFIG, WEIGHTS, BundleError
from ...runtime.errors import UserError
from ...runtime.paths import SPACE
from ..app import contents
from .serve import check
from .shipped import PACKAGED, TEMPLATES

ATTRIBUTES = ".gitattributes"  # the hub keeps its own where a folder has none
TIMEOUT = 20  # seconds, of a question to the hub
STATUS = {
    401: "the token is not valid: make one with write access in your account's settings, then run"
    " `hf auth login`",
    402: "your account's plan does not allow such a Space",
    403: "your token may not write there: use your own user name, or a token with write access",
    404: "there is no such user or Space, or your token may not see it",
    413: "a file is too large for the hub",
    429: "too many requests: wait some minutes and run it again",
}


@dataclass(frozen=True)
class File:
    """A file to upload: its path in the Space, its bytes, and whether it goes to LFS."""

    path: str
    size: int
    lfs: bool


def listing(folder: Path) -> list[File]:
    """What a push uploads, sorted by path.

    Raises:
        UserError: the folder is not exactly what package_space makes: a file is missing or too
            many, or one is a symlink.
        BundleError: its model cannot be used.
        ContentsError: its card or its list of mistakes is damaged.
    """
    check(folder)
    expected = _expected(folder)
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise UserError(
                f"{path} is a symlink: run `dvc config cache.type copy`, then"
                " `dvc checkout --relink`."
            )
        if path.is_dir():
            continue
        if name not in expected:
            raise UserError(f"{path} was not made by package_space: delete it or move it away.")
        found[name] = path.stat().st_size
    for name in sorted(expected - found.keys()):
        raise UserError(f"{folder / name} is missing: make the Space again with `dvc repro`.")
    patterns = _lfs_patterns(folder)
    return [
        File(name, size, any(fnmatch(name, pattern) for pattern in patterns))
        for name, size in found.items()
    ]


def _expected(folder: Path) -> set[str]:
    shipped = contents.load_contents(folder)
    return {
        *PACKAGED,
        *TEMPLATES,
        contents.CARD,
        f"{contents.MODEL}/{WEIGHTS}",
        f"{contents.MODEL}/{CONFIG}",
        f"{contents.MISTAKES}/{contents.INDEX}",
        *(mistake.file for mistake in shipped.mistakes),
        *(path.relative_to(folder).as_posix() for path in shipped.examples),
    }


def _lfs_patterns(folder: Path) -> list[str]:
    lines = (folder / ATTRIBUTES).read_text(encoding="utf-8").splitlines()
    return [line.split()[0] for line in lines if "filter=lfs" in line.split()]


def check_name(name: str) -> None:
    """Raises UserError unless `name` is a Space's full name, user and name."""
    try:
        validate_repo_id(name)
    except HFValidationError:
        good = False
    else:
        good = name.count("/") == 1
    if not good:
        raise UserError(
            f"{name!r} is no name of a Space: give USER/NAME, letters, digits, '-', '_' and '.'"
            " only, such as ada/cifar10-explained."
        )


def deletions(api: HfApi, name: str, files: list[File]) -> list[str] | None:
    """Files in the Space that a push deletes; None where there is no such Space yet.

    Raises:
        UserError: the hub cannot be reached or refuses to answer.
    """
    kept = {ATTRIBUTES, *(file.path for file in files)}
    with _told(name):
        try:
            info = api.space_info(name, timeout=TIMEOUT)  # unlike a listing, asks once
        except RepositoryNotFoundError:
            return None
        return sorted({file.rfilename for file in info.siblings or []} - kept)


def describe(folder: Path, files: list[File]) -> str:
    """The files as a table, and their sum."""
    width = max(len(file.path) for file in files)
    rows = [
        f"  {file.path:<{width}}  {_bytes(file.size):>10}{'  LFS' if file.lfs else ''}"
        for file in files
    ]
    total, large = sum(f.size for f in files), [f.size for f in files if f.lfs]
    summary = (
        f"{len(files)} files of {folder}, {_bytes(total)};"
        f" {len(large)} of them, {_bytes(sum(large))}, by LFS."
    )
    return "\n".join([*rows, summary])


def _bytes(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def upload(api: HfApi, name: str, folder: Path) -> str:
    """Makes the Space if there is none, and makes it equal to the folder.

    Returns:
        The address of the commit.

    Raises:
        UserError: there is no token, or the hub cannot be reached or refuses.
    """
    if not api.token and not get_token():
        raise UserError(
            "There is no token to push with: make one with write access in your Hugging Face"
            " account's settings, then run `hf auth login` or set HF_TOKEN."
        )
    with _told(name):
        api.create_repo(name, repo_type="space", space_sdk="gradio", exist_ok=True)
        made = api.upload_folder(
            repo_id=name,
            repo_type="space",
            folder_path=folder,
            delete_patterns="*",
            commit_message="Package of cifarlens",
        )
    return str(made.commit_url)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Turns what can go wrong between here and the hub into a UserError."""
    try:
        yield
    except OfflineModeIsEnabled:
        raise UserError(
            "HF_HUB_OFFLINE is set, so the hub is not asked: unset it and run again."
        ) from None
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        # Uploads by several threads wrap the first error.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        raise UserError(f"The hub could not be used for {name}: {_reason(cause)}.") from None


def _reason(error: BaseException) -> str:
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        said = f" ({_line(error.server_message)})" if error.server_message else ""
        return STATUS.get(status, f"it answered {status}{said}: run it again later")
    return f"{_line(str(error)) or type(error).__name__}; check the network and run it again"


def _line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}: python -m cifarlens.space.packaging.push USER/NAME [--yes].")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m cifarlens.space.packaging.push", description=__doc__)
    parser.add_argument("name", metavar="USER/NAME", help="the Space on Hugging Face")
    parser.add_argument("--folder", type=Path, default=SPACE, help="the packaged Space (space)")
    parser.add_argument("--yes", action="store_true", help="push; without, only show what would be")
    return parser.parse_args(arguments)


def run(arguments: list[str]) -> None:
    """The command; raises what its parts do."""
    options = _parse(arguments)
    check_name(options.name)
    files = listing(options.folder)
    api = HfApi()
    address = f"{api.endpoint}/spaces/{options.name}"
    print(describe(options.folder, files))
    if options.yes:
        print(f"Pushing to {address} …", flush=True)
        print(f"Pushed: {upload(api, options.name, options.folder)}")
        return
    print(f"To: {address}")
    print(_outlook(api, options.name, files))
    print("Nothing was pushed: this was a dry run. Add --yes (with make: YES=1) to push.")


def _outlook(api: HfApi, name: str, files: list[File]) -> str:
    """What a push makes and deletes there, as far as the hub says."""
    try:
        gone = deletions(api, name, files)
    except UserError as error:
        return f"What lies there now is not known, and would be deleted. {error}"
    if gone is None:
        return "There is no such Space, or it is private: it would be made if missing."
    if not gone:
        return "Nothing there would be deleted."
    return "\n".join(["Would be deleted there:", *(f"  {path}" for path in gone)])


def main(arguments: list[str]) -> int:
    """Exit codes: 0 done, 2 a user's mistake or a hub that cannot be used, 130 Ctrl-C."""
    try:
        run(arguments)
    except (UserError, BundleError, contents.ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
