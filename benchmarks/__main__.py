"""How fast the pipeline is: `python -m benchmarks [PART ...] [--json PATH]`.

Ours, a plain program for the same task and what the hardware allows, measured in turn, as medians.
On an idle machine: what else runs is measured too. CPU only; parts are all but scaling if none is
named.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from .images import augmentation_row
from .pipeline import evaluation_row, memory_row, nothing_to_do_row, stage_rows, start_rows
from .scaling import print_scaling
from .table import HEADER, Row, machine
from .training import step_rows

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "augmentation": augmentation_row,
    "training": step_rows,
    "memory": memory_row,
    "evaluate": evaluation_row,
    "stages": stage_rows,
    "start": start_rows,
    "repro": nothing_to_do_row,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [*PARTS, "scaling"]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"any of {', '.join(names)}")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(names):
        parser.error(f"{sorted(unknown)[0]} is no part; name any of {', '.join(names)}")
    if options.json and not options.json.absolute().parent.is_dir():
        parser.error(f"{options.json.parent} is no folder: make it, or name another for --json")
    here = machine()
    print(", ".join(f"{key} {value}" for key, value in here.items()))
    result = {"machine": here, "rows": measure(options.parts or list(PARTS))}
    if "scaling" in options.parts:
        result["scaling"] = print_scaling()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def measure(parts: list[str]) -> list[dict[str, object]]:
    """Prints every row as soon as it is known; returns them for the JSON file."""
    records = []
    chosen = [name for name in PARTS if name in parts]
    if chosen:
        print(HEADER)
    for name in chosen:
        for row in PARTS[name]():
            print(row.line(), flush=True)
            records.append(row.record())
    return records


if __name__ == "__main__":
    main()
