"""Makes index.html here: `make sample`, about a minute on two CPU cores.

Runs the pipeline on the digits, with a network small enough to make mistakes. Also stores, in run/,
what gradcam_report read, so that a test can show that the page is today's.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dvc.repo import Repo

from cifarlens.demo import prepare
from cifarlens.runtime import paths

HERE = Path(__file__).parent
PARAMS = {"epochs": 3, "model": {"width": 4}, "gradcam": {"images": 12}}
OTHER_PAGE = ' href="../logs/runs.html"'  # which is not stored


def main() -> None:
    shutil.rmtree(HERE / "run", ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "digits"
        prepare(HERE.parents[1], folder, PARAMS)
        subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "gradcam_report"], cwd=folder, check=True
        )
        page = (folder / paths.REPORT).read_text(encoding="utf-8")
        (HERE / "index.html").write_text(page.replace(OTHER_PAGE, ""), encoding="utf-8")
        with Repo(folder) as repo:
            deps = repo.stage.load_one("dvc.yaml", "gradcam_report").deps
            names = [dep.def_path for dep in deps if (folder / dep.def_path).is_file()]
        for name in ("params.yaml", *names):
            if not name.startswith("stages/"):
                target = HERE / "run" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / name, target)


if __name__ == "__main__":
    main()
