"""Compares two runs: `python -m cifarlens.comparison --a main --b faster`."""

import argparse
import sys
from pathlib import Path

from ..runtime.errors import UserError, describe_file_error
from ..runtime.output import tolerate_output_errors
from .page import write_comparison
from .results import WORKSPACE, read_results

PAGE = Path("reports/compare.html")  # not an output of a stage; git ignores it


def run(arguments: list[str]) -> None:
    """Runs the command; raises UserError if it cannot."""
    parser = argparse.ArgumentParser(prog="python -m cifarlens.comparison", description=__doc__)
    names = "branch, tag, commit or experiment, or workspace for the files in the checkout"
    parser.add_argument("--a", default="", metavar="A", help=f"{names} (default: HEAD)")
    parser.add_argument("--b", default="", metavar="B", help=f"the same (default: {WORKSPACE})")
    options = parser.parse_args(arguments)
    a, b = read_results(options.a or "HEAD"), read_results(options.b or WORKSPACE)
    heading = write_comparison(PAGE, a, b)
    print(f"{heading}\nComparison: {PAGE}")


def main(arguments: list[str]) -> int:
    """Returns 0 when done, 2 after an error that the user can fix, 130 after Ctrl-C."""
    tolerate_output_errors()
    try:
        run(arguments)
    except (UserError, OSError) as error:
        message = describe_file_error(error) if isinstance(error, OSError) else str(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
