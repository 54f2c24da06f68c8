"""A sweep as a queue of DVC experiments: `python -m benchmarks.sweep [PLAN] [--table]`.

PLAN (benchmarks/sweeps/width16.yaml) names settings and seeds. What has been run before, with the
same parameters, code and data, is not run again. Prints accuracy and loss on held-out images.
Stopped with Ctrl-C, the queue goes on: `dvc queue stop --kill` ends it.
"""

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tqdm import tqdm

from cifarlens.errors import UserError
from cifarlens.params import parse_params

PLAN = Path(__file__).parent / "sweeps/width16.yaml"
KEYS = {"jobs", "base", "seeds", "settings"}
POLL = 10  # seconds
TRAINED, FOUND = "metrics/train.json", "metrics/lr_find.json"
Settings = Mapping[str, Any]  # dotted keys of params.yaml and their values


def read_plan(path: Path) -> dict[str, Any]:
    """The plan; raises UserError if it lacks a key or a setting of it is no valid params.yaml."""
    plan = _yaml(path)
    if not isinstance(plan, dict) or set(plan) != KEYS:
        raise UserError(f"{path}: must hold the keys {', '.join(sorted(KEYS))} and no others.")
    lists = [plan["seeds"], plan["settings"]]
    tables = [plan["base"], *(lists[1] if isinstance(lists[1], list) else [None])]
    if not all(isinstance(each, list) for each in lists) or not all(
        isinstance(each, dict) for each in tables
    ):
        raise UserError(f"{path}: seeds and settings must be lists, base and each setting keys.")
    if type(plan["jobs"]) is not int or plan["jobs"] < 1:
        raise UserError(f"{path}: jobs is {plan['jobs']!r}, but must be a whole number from 1.")
    for setting in plan["settings"]:
        for seed in plan["seeds"]:
            parse_params(parameters(plan, setting, seed), f"{path}, {setting}")
    return plan


def parameters(plan: Mapping[str, Any], setting: Settings, seed: int) -> dict[str, Any]:
    """What params.yaml is in one experiment."""
    found = copy.deepcopy(_yaml(Path("params.yaml")))
    for key, value in {**plan["base"], **setting, "seed": seed}.items():
        *sections, name = key.split(".")
        place = found
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return dict(found)


def finished() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Parameters and metrics of every experiment on this commit that has trained.

    The metrics are those of the train stage, and `found`, the lr_max that lr_find found.
    """
    found = []
    for commit in json.loads(_dvc("exp", "show", "--json")):
        for experiment in commit.get("experiments") or ():
            data = experiment["revs"][0]["data"] or {}
            if (experiment.get("executor") or {}).get("state") not in (None, "success"):
                continue  # it shows what was there before it
            params = data.get("params", {}).get("params.yaml", {}).get("data")
            trained, lr_find = (
                data.get("metrics", {}).get(path, {}).get("data") for path in (TRAINED, FOUND)
            )
            if params and trained and lr_find:
                found.append((params, {**trained, "found": lr_find["lr_max"]}))
    return found


def queue(plan: Mapping[str, Any]) -> int:
    """Queues what has not been run; returns how many."""
    done = [params for params, _ in finished()]
    count = 0
    for setting in plan["settings"]:
        for seed in plan["seeds"]:
            if parameters(plan, setting, seed) in done:
                continue
            changes = {**plan["base"], **setting, "seed": seed}
            overrides = [f"--set-param={key}={_word(value)}" for key, value in changes.items()]
            _dvc("exp", "run", "--queue", *overrides, "train")
            count += 1
    return count


def work(jobs: int, count: int) -> None:
    """Runs the queue, its experiments sharing the cores, until all are done.

    Raises:
        UserError: one failed.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    failed = _states().count("Failed")  # long ago
    _dvc("queue", "start", f"--jobs={jobs}", OMP_NUM_THREADS=str(threads))
    with tqdm(total=count, desc="sweep", unit="run", disable=None) as bar:
        while True:
            states = _states()
            bar.n = count - states.count("Queued") - states.count("Running")
            bar.refresh()
            if states.count("Failed") > failed:
                raise UserError("An experiment failed: `dvc queue status` and `dvc queue logs`.")
            if not states.count("Queued") + states.count("Running"):
                return
            time.sleep(POLL)


def table(plan: Mapping[str, Any]) -> str:
    """Markdown: a line a setting, best first, mean and standard deviation over its seeds.

    Below it the rates that lr_find found in these runs.
    """
    runs, rows, rates = finished(), [], set()
    for setting in plan["settings"]:
        wanted = [parameters(plan, setting, seed) for seed in plan["seeds"]]
        metrics = [found for params, found in runs if params in wanted]
        words = ", ".join(f"`{key}` {_word(value)}" for key, value in setting.items()) or "base"
        if metrics:
            accuracy = [100 * found["val_accuracy"] for found in metrics]
            loss = [found["val_loss"] for found in metrics]
            rates |= {found["found"] for found in metrics}
            cells = f"{_spread(accuracy, 2)} % | {_spread(loss, 4)} | {len(metrics)}"
            rows.append((statistics.fmean(accuracy), f"| {words} | {cells} |"))
    head = "| setting | held-out accuracy | held-out loss | seeds |\n| --- | --- | --- | --- |\n"
    lines = [row for _, row in sorted(rows, reverse=True)]
    if rates:
        lines += ["", f"lr_find: lr_max from {min(rates):.4f} to {max(rates):.4f}."]
    return head + "\n".join(lines)


def _states() -> list[str]:
    """Of every task in the queue's table: Queued, Running, Success or Failed."""
    return [line.split()[-1] for line in _dvc("queue", "status").splitlines() if line.strip()]


def _spread(values: list[float], digits: int) -> str:
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(path: Path) -> Any:
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{path} cannot be read: name a plan, from the project's root.") from None
    except (YAMLError, UnicodeDecodeError):
        raise UserError(f"{path} is no valid YAML: mend it.") from None


def _dvc(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        raise UserError(f"dvc {arguments[0]} failed: {said[-1]}")
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("plan", nargs="?", type=Path, default=PLAN, metavar="PLAN")
    parser.add_argument("--table", action="store_true", help="of what has been run; run nothing")
    options = parser.parse_args()
    try:
        plan = read_plan(options.plan)
        count = 0 if options.table else queue(plan)
        if count:
            work(plan["jobs"], count)
        print(table(plan))
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("\nStopped waiting; the queue goes on: `dvc queue stop --kill` ends it.")


if __name__ == "__main__":
    main()
