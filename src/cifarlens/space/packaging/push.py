"""Pushes a packaged Space to Hugging Face: `python -m cifarlens.space.packaging.push USER/NAME`.

Without `--yes`, it shows what a push does and changes nothing. A push makes the Space's files equal
to those that package_space wrote, and deletes all others. It completes the front matter of
README.md, which needs the Space's name. With `--model`, it also uploads the model bundle to a model
repository, where it deletes nothing.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from huggingface_hub import HfApi, get_token, metadata_load, metadata_save
from huggingface_hub.errors import (
    HfHubHTTPError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from ...classifier.bundle import BundleError
from ...runtime.errors import UserError, truncate_for_message
from ...runtime.output import tolerate_output_errors
from ...runtime.paths import SPACE
from ...sources.proxies import find_proxy, prepare_httpx
from ..app.contents import MODEL, ContentsError
from .serve import check_space, copy_files
from .shipped import THUMBNAIL

LFS = (".png", ".safetensors")  # must agree with the Space's .gitattributes
README = "README.md"
ATTRIBUTES = ".gitattributes"  # the hub keeps its own if the folder has none
TIMEOUT = 20  # seconds for a dry run's request to the hub
STATUS = {
    401: "the token is not valid: create one with write access in your account's settings, then"
    " run `hf auth login`",
    402: "your account's plan does not allow this Space: change the plan, or use another account",
    403: "the token has no write access there: use your own user name, or create a token with write"
    " access",
    404: "the user or the repository does not exist, or the token has no access to it: check the"
    " name and the token",
    413: "a file is too large for the hub: lower model.width and run `dvc repro` again",
    429: "too many requests: wait a few minutes and run again",
}


def list_files(folder: Path) -> dict[str, int]:
    """Returns the size in bytes of each file to upload, by its path in the Space.

    Raises:
        UserError: the folder is not a packaged Space.
        BundleError: the model cannot be used.
        ContentsError: the card or the list of mistakes is missing or damaged.
    """
    return {name: (folder / name).stat().st_size for name in sorted(check_space(folder))}


def check_name(name: str, kind: str) -> None:
    """Raises UserError unless `name` is the full name, USER/NAME, of a Space or a model."""
    try:
        validate_repo_id(name)
        _user, _name = name.split("/")
    except ValueError:  # from either line
        raise UserError(
            f"{name!r} is not a valid name for a {kind}: give USER/NAME, with letters, digits, '-',"
            " '_' and '.' only, such as ada/cifar10-explained."
        ) from None


def describe_files(folder: Path, files: Mapping[str, int]) -> str:
    """Returns a table of the files with their sizes, the totals, and what is left out."""
    width = max(map(len, files))
    rows = [
        f"  {name:<{width}}  {_format_size(size):>10}{'  LFS' if name.endswith(LFS) else ''}"
        for name, size in files.items()
    ]
    lfs_sizes = [size for name, size in files.items() if name.endswith(LFS)]
    summary = (
        f"{len(files)} files in {folder}, {_format_size(sum(files.values()))};"
        f" {len(lfs_sizes)} of them, {_format_size(sum(lfs_sizes))}, are stored with Git LFS."
    )
    paths = [path for path in sorted(folder.rglob("*")) if not path.is_dir()]
    names = [path.relative_to(folder).as_posix() for path in paths]
    if left_out := [truncate_for_message(name, 80) for name in names if name not in files]:
        some = ", ".join(left_out[:3]) + (", …" if len(left_out) > 3 else "")
        rows.append(f"Left out, not written by package_space: {len(left_out)} ({some}).")
    return "\n".join([*rows, summary])


def _format_size(size: int) -> str:
    if size < 1000:
        return f"{size} B"
    return f"{size / 1000:.1f} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB"


def upload(api: HfApi, name: str, model: str | None, folder: Path, files: Iterable[str]) -> str:
    """Creates the Space if it does not exist, and makes its files equal to those of the folder.

    Args:
        api: access to the hub.
        name: USER/NAME of the Space.
        model: USER/NAME of the model repository that gets the model bundle first, or None.
        folder: the packaged Space.
        files: its files.

    Returns:
        The address of the Space's commit.

    Raises:
        UserError: a token is missing, or the hub cannot be reached or refuses.
    """
    names = f"{name} and {model}" if model else name
    with _translate_hub_errors(names, api.endpoint):
        if not api.token and not get_token():
            raise UserError(
                "A push needs a token: create one with write access in your Hugging Face account's"
                " settings, then run `hf auth login` or set HF_TOKEN."
            )
        with copy_files(folder, files) as copy:
            if model:
                api.create_repo(model, repo_type="model", exist_ok=True)
                api.upload_folder(
                    repo_id=model,
                    folder_path=copy / MODEL,
                    commit_message="Update the model (packaged by cifarlens)",
                )
            complete_readme(copy / README, f"{api.endpoint}/spaces/{name}", model)
            api.create_repo(name, repo_type="space", space_sdk="gradio", exist_ok=True)
            commit = api.upload_folder(
                repo_id=name,
                repo_type="space",
                folder_path=copy,
                delete_patterns="*",
                commit_message="Update the demo (packaged by cifarlens)",
            )
    return str(commit.commit_url)


def complete_readme(readme: Path, address: str, model: str | None) -> None:
    """Adds to the front matter what depends on the Space's address and on the model's name."""
    front = metadata_load(readme) or {}
    front["thumbnail"] = f"{address}/resolve/main/{THUMBNAIL}"
    if model:
        front["models"] = [model]
    metadata_save(readme, front)


@contextmanager
def _translate_hub_errors(name: str, endpoint: str) -> Iterator[None]:
    """Raises UserError in place of the errors of the hub and of the network."""
    try:
        yield
    except OfflineModeIsEnabled:
        raise UserError(
            "HF_HUB_OFFLINE is set and blocks requests to the hub: unset it and run again."
        ) from None
    except (HTTPError, OSError, RuntimeError, ValueError) as error:
        # Uploads in several threads wrap the first error.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        proxy = find_proxy(endpoint)
        through = f" through {proxy}" if proxy else ""
        remedy = f"check the network{f' and {proxy.variable}' if proxy else ''} and run again"
        raise UserError(
            f"The hub request for {name}{through} failed: {_explain(cause, remedy)}."
        ) from None


def _explain(error: BaseException, remedy: str) -> str:
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        message = f" ({_first_line(error.server_message)})" if error.server_message else ""
        return STATUS.get(status, f"the hub answered {status}{message}: run again later")
    if isinstance(error, PermissionError) and error.filename:  # the token's file
        return f"{error.filename} cannot be read: change its owner or mode, or set HF_TOKEN"
    return f"{_first_line(str(error)) or type(error).__name__}; {remedy}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].rstrip(".")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        usage = f"{self.prog} USER/NAME [--model USER/MODEL] [--folder FOLDER] [--yes]"
        raise UserError(f"{message}. Usage: {usage}")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = _Parser(prog="python -m cifarlens.space.packaging.push", description=__doc__)
    parser.add_argument("name", metavar="USER/NAME", help="name of the Space on Hugging Face")
    model_help = "name of a model repository, for the model alone (default: none)"
    parser.add_argument("--model", metavar="USER/MODEL", help=model_help)
    folder_help = f"folder of the packaged Space (default: {SPACE})"
    parser.add_argument("--folder", type=Path, default=SPACE, help=folder_help)
    parser.add_argument("--yes", action="store_true", help="push; the default is a dry run")
    return parser.parse_args(arguments)


def run(arguments: list[str]) -> None:
    """Runs the command; raises UserError, BundleError or ContentsError if it cannot."""
    options = _parse(arguments)
    check_name(options.name, "Space")
    if options.model is not None:
        check_name(options.model, "model")
    files = list_files(options.folder)
    api = HfApi()
    prepare_httpx(api.endpoint)
    goals = f"{api.endpoint}/spaces/{options.name}"
    if options.model:
        goals += f" and its {MODEL}/ to {api.endpoint}/{options.model}"
    print(describe_files(options.folder, files))
    if options.yes:
        print(f"Pushing to {goals} …", flush=True)
        print(f"Pushed: {upload(api, options.name, options.model, options.folder, files)}")
        return
    print(f"A push would go to {goals}")
    print(_describe_changes(api, options.name, files))
    print("Nothing was pushed: this was a dry run. Add --yes (with make: YES=1) to push.")


def _describe_changes(api: HfApi, name: str, files: Iterable[str]) -> str:
    """Says which files of the Space a push deletes, and whether it creates the Space."""
    try:
        with _translate_hub_errors(name, api.endpoint):
            try:
                info = api.space_info(name, timeout=TIMEOUT)  # a listing would retry on failure
            except RepositoryNotFoundError:
                return "The Space does not exist or is private. A push creates it if necessary."
    except UserError as error:
        return (
            f"Cannot list the Space's files: {error} A push deletes every file there that is not in"
            " the folder."
        )
    deletions = {file.rfilename for file in info.siblings or []} - {ATTRIBUTES, *files}
    if not deletions:
        return "A push deletes no files."
    return "\n".join(["A push deletes these files:", *(f"  {path}" for path in sorted(deletions))])


def main(arguments: list[str]) -> int:
    """Returns 0 when done, 2 after a user error or a failure of the hub, 130 after Ctrl-C."""
    tolerate_output_errors()
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
