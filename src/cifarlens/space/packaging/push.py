"""Pushes a packaged Space to Hugging Face: `python -m cifarlens.space.packaging.push USER/NAME`.

Shows what would happen and changes nothing, unless `--yes` is given. The Space becomes exactly the
folder: what lies there and is not in the folder is deleted.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NoReturn

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from ...classifier.bundle import BundleError
from ...runtime.errors import UserError
from ...runtime.paths import SPACE
from ..app.contents import CARD, EXAMPLES, MISTAKES, MODEL, ContentsError
from .serve import check
from .shipped import TEMPLATES

MADE = (  # by package_space; `*` also stands for folders
    *TEMPLATES,
    CARD,
    "cifarlens/*.py",
    "cifarlens/*.css",
    "cifarlens/*.js",
    f"{MODEL}/*.json",
    f"{MODEL}/*.safetensors",
    f"{EXAMPLES}/*.png",
    f"{MISTAKES}/*.json",
    f"{MISTAKES}/*.png",
)
LFS = (".png", ".safetensors")  # as the Space's .gitattributes says
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


def listing(folder: Path) -> dict[str, int]:
    """What a push uploads: the size in bytes of each file, by its path in the Space.

    Raises:
        UserError: the folder is not a packaged Space, or holds a file of another origin.
        BundleError: its model cannot be used.
        ContentsError: its card or its list of mistakes is missing or damaged.
    """
    check(folder)
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            continue
        if not any(fnmatch(name, pattern) for pattern in MADE):
            raise UserError(f"{path} was not made by package_space: delete it or move it away.")
        files[name] = path.stat().st_size
    return files


def check_name(name: str) -> None:
    """Raises UserError unless `name` is a Space's full name, user and name."""
    try:
        validate_repo_id(name)
        _user, _name = name.split("/")
    except ValueError:  # of either line
        raise UserError(
            f"{name!r} is not the name of a Space: give USER/NAME, letters, digits, '-', '_' and"
            " '.' only, such as ada/cifar10-explained."
        ) from None


def describe(folder: Path, files: Mapping[str, int]) -> str:
    """The files as a table, and their sum."""
    width = max(map(len, files))
    rows = [
        f"  {name:<{width}}  {_bytes(size):>10}{'  LFS' if name.endswith(LFS) else ''}"
        for name, size in files.items()
    ]
    large = [size for name, size in files.items() if name.endswith(LFS)]
    summary = (
        f"{len(files)} files of {folder}, {_bytes(sum(files.values()))};"
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
    with _hub_errors(name):
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
def _hub_errors(name: str) -> Iterator[None]:
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


def _outlook(api: HfApi, name: str, files: Iterable[str]) -> str:
    """What a push makes and deletes there, as far as the hub says."""
    try:
        with _hub_errors(name):
            try:
                info = api.space_info(name, timeout=TIMEOUT)  # unlike a listing, asks once
            except RepositoryNotFoundError:
                return "There is no such Space, or it is private: it would be made if missing."
    except UserError as error:
        return f"What lies there now is not known, and would be deleted. {error}"
    gone = {file.rfilename for file in info.siblings or []} - {ATTRIBUTES, *files}
    if not gone:
        return "Nothing there would be deleted."
    return "\n".join(["Would be deleted there:", *(f"  {path}" for path in sorted(gone))])


def main(arguments: list[str]) -> int:
    """Exit codes: 0 done, 2 a user's mistake or a hub that cannot be used, 130 Ctrl-C."""
    try:
        run(arguments)
    except (UserError, BundleError, ContentsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
