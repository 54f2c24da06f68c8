"""Reads the results of a run from a git revision, a DVC experiment or the workspace.

Large files of a revision come from DVC's cache, never from a remote.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.scm import RevError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ..classifier.bundle import CONFIG, WEIGHTS, Bundle, BundleError, load_bundle
from ..figures.training import Columns
from ..report.run import read_columns
from ..runtime import paths
from ..runtime.errors import UserError, truncate_for_message
from ..runtime.files import read_json, write_bytes

WORKSPACE = "workspace"  # DVC's name for the files in the checkout
LOCK = Path("dvc.lock")
METRICS = [Path(f"metrics/{name}.json") for name in ("evaluate", "train", "lr_find", "gradcam")]
IMAGES, LABELS, CLASSES = (
    paths.DATASET / name for name in ("test_images.npy", "test_labels.npy", "classes.json")
)
NEEDED = [
    *(LOCK, paths.EVALUATE_METRICS, paths.TEST_LOGITS, IMAGES, LABELS, CLASSES),
    *(paths.MODEL / name for name in (CONFIG, WEIGHTS)),
]
# Revisions from before a file existed are compared without it.
OPTIONAL = [*METRICS[1:], paths.PARAMS, paths.HISTORY, paths.RATES]
CODE = ("src/", "stages/")
CACHE_ONLY = {"core": {"remote": "none"}, "remote": {"none": {"url": os.devnull}}}
MAX_NAME = 60  # characters of a revision in a message


@dataclass(frozen=True)
class Results:
    """Holds the results of one run.

    Attributes:
        name: the revision as the user wrote it.
        commit: short hash of its commit; empty for the workspace.
        params: parameters of the results, from dvc.lock, by dotted key.
        pending: parameters in params.yaml that differ from `params`, by dotted key.
        code: hash of each source file or folder that made the results, by path.
        metrics: content of each file in metrics/, by its name without `.json`.
        history: columns of reports/plots/train.csv; empty if missing.
        rates: columns of reports/plots/lr.csv; empty if missing.
        logits: float32, N×classes, of the test images.
        images: test images, uint8, N×H×W×3.
        labels: their labels, int64, N.
        classes: class names in the order of the labels.
        bundle: the network; None if this version of the code cannot load it.
    """

    name: str
    commit: str
    params: Mapping[str, Any]
    pending: Mapping[str, Any]
    code: Mapping[str, str]
    metrics: Mapping[str, Mapping[str, Any]]
    history: Columns
    rates: Columns
    logits: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    bundle: Bundle | None

    @property
    def hits(self) -> np.ndarray:
        """Returns whether the prediction is right for each test image, bool N."""
        return np.asarray(self.logits.argmax(axis=1) == self.labels)

    @property
    def scaled_logits(self) -> np.ndarray:
        """Returns the logits from which the report computes probabilities."""
        return self.logits / float(self.metrics["evaluate"].get("temperature", 1.0))


def read_results(revision: str) -> Results:
    """Reads the results of a branch, tag, commit, experiment or of the workspace.

    Raises:
        UserError: the revision does not exist, or lacks a file.
    """
    if not Path("dvc.yaml").exists():
        raise UserError("dvc.yaml is missing here; run `make compare` in the project's root.")
    if revision == WORKSPACE:
        for path in NEEDED:
            if not path.exists():
                raise UserError(f"The workspace has no {path}; run `dvc repro` to create it.")
        return _read(Path(), revision, "")
    with TemporaryDirectory() as folder:
        return _read(Path(folder), revision, _copy(revision, Path(folder)))


def _copy(revision: str, folder: Path) -> str:
    """Copies the files of a revision to a folder and returns the short hash of its commit."""
    name = truncate_for_message(revision, MAX_NAME)
    try:
        files = DVCFileSystem(rev=revision, subrepos=True, config=CACHE_ONLY)
        commit: str = files.repo.get_rev()[:7]
        project = Path().resolve().relative_to(Path(files.repo.scm.root_dir).resolve())
    except (RevError, AttributeError, ValueError):  # of a file in a commit, of a very long name
        raise UserError(
            f"git and DVC know no revision or finished experiment {name}; `git log --all` and"
            " `dvc exp show -A` list the names."
        ) from None
    except DvcException as error:
        raise UserError(
            f"{name} cannot be read ({error}); run `make compare` in a git checkout of the project."
        ) from None
    for path in (*NEEDED, *OPTIONAL):
        try:
            write_bytes(folder / path, files.cat_file((project / path).as_posix()))
        except FileNotFoundError:
            if path in NEEDED:
                where = f"{name} ({commit})" if name != commit else name
                raise UserError(
                    f"{where} has no {path} in git or in DVC's cache; get it with `dvc fetch"
                    " --all-commits` (an experiment with `dvc exp pull origin NAME`), or run"
                    f" `git checkout {commit} && dvc repro`."
                ) from None
    return commit


def _read(folder: Path, name: str, commit: str) -> Results:
    """Reads the results from a folder that has the project's layout."""
    stages = _read_yaml(folder, LOCK, name).get("stages", {}).values()
    locked = [stage.get("params", {}).get(paths.PARAMS.name, {}) for stage in stages]
    params = {key: value for values in locked for key, value in _flatten(values)}
    current = dict(_flatten(_read_yaml(folder, paths.PARAMS, name)))
    pending = {key: current[key] for key in params if current.get(key, params[key]) != params[key]}
    deps = [dep for stage in stages for dep in stage.get("deps", [])]
    bundle, labels, logits = None, np.load(folder / LABELS), np.load(folder / paths.TEST_LOGITS)
    classes = tuple(read_json(folder / CLASSES))
    if logits.shape != (len(labels), len(classes)):
        raise UserError(
            f"The predictions of {name} are not for its test images; run `dvc repro`"
            f"{f' at {commit}' if commit else ''}."
        )
    with suppress(BundleError):
        bundle = load_bundle(folder / paths.MODEL)
    return Results(
        name=name,
        commit=commit,
        params=dict(sorted(params.items())),
        pending=dict(sorted(pending.items())),
        code={dep["path"]: dep["md5"] for dep in deps if dep["path"].startswith(CODE)},
        metrics={
            path.stem: read_json(folder / path) if (folder / path).exists() else {}
            for path in METRICS
        },
        history=_read_columns(folder / paths.HISTORY),
        rates=_read_columns(folder / paths.RATES),
        logits=logits,
        images=np.load(folder / IMAGES),
        labels=labels,
        classes=classes,
        bundle=bundle,
    )


def _read_yaml(folder: Path, path: Path, name: str) -> Mapping[str, Any]:
    """Returns the content of a file that people edit or merge; empty if missing."""
    if not (folder / path).exists():
        return {}
    content = None
    with suppress(YAMLError):
        content = YAML(typ="safe").load(folder / path)
    if not isinstance(content, Mapping):
        raise UserError(f"{path} of {name} is not valid; correct it, or run `git checkout {path}`.")
    return content


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields each value with its dotted key."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _read_columns(path: Path) -> Columns:
    """Returns the columns of a CSV file, none if it is missing or of an older form."""
    with suppress(OSError, ValueError, IndexError):
        return read_columns(path)
    return {}
