"""The project on other people's machines: make, git, matplotlib, folders and output."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from project import ROOT

TARGETS = re.findall(r"^([\w-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
PROGRAMS = (".venv/bin/python", "/a b/python", "uv", "echo", "mkdir", "test", "touch")
SETTINGS = "font.size: 30\nimage.lut: 3\nsavefig.bbox: tight\ntext.usetex: True\nbackend: x\nx"


def test_make_depends_on_no_path_shell_or_variable_of_the_user(tmp_path: Path) -> None:
    """The make of macOS looks programs up in its own PATH, not in the one that it exports."""
    folder = tmp_path / 'it\'s a "checkout"'
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.lock").touch()
    command = ["make", "-ns", "PYTHON=/a b/python", "SPACE_ID=a/b", *TARGETS]
    for line in subprocess.check_output(command, cwd=folder, text=True).splitlines():
        words = shlex.split(line.removeprefix("UV_CUSTOM_COMPILE_COMMAND='make lock' "))
        assert words[0] in PROGRAMS, line

    (folder / ".venv/bin/python").write_text("#!/bin/sh\nenv")
    (folder / ".venv/bin/python").chmod(0o755)
    (folder / ".venv/.ready").touch()
    users = {"SHELL": "/usr/sbin/nologin", "PYTHONPATH": "/older", "MPLBACKEND": "module://x"}
    command = ["make", "-s", "repro"]
    output = subprocess.check_output(command, cwd=folder, env=os.environ | users, text=True)
    path = f"PATH={folder}/.venv/bin:{os.environ['PATH']}"
    assert {"SHELL=/bin/sh", "MPLBACKEND=agg", path} <= set(output.splitlines())
    assert "PYTHONPATH" not in output

    names = ["compare", 'A=";touch a;"', "B=`touch b`", "push", "SPACE_ID=$$(touch c)"]
    subprocess.run(["make", "-s", *names], cwd=folder, check=True, capture_output=True)
    assert {path.name for path in folder.iterdir()} == {".venv", "Makefile", "requirements.lock"}


def test_a_clone_has_the_same_bytes_with_any_setting_of_line_ends(project, tmp_path):
    shutil.copy(ROOT / ".gitattributes", project.folder)
    project.commit("attributes")
    settings = ("-c", "core.autocrlf=true", "-c", "core.eol=crlf")
    project.run("git", "clone", "-q", *settings, ".", str(tmp_path / "clone"))
    for name in project.run("git", "ls-files").splitlines():
        assert (tmp_path / "clone" / name).read_bytes() == (project.folder / name).read_bytes()


def test_no_setting_of_matplotlib_changes_or_breaks_a_figure(project, tmp_path):
    (tmp_path / "matplotlibrc").write_text(SETTINGS)
    (project.folder / "matplotlibrc").write_bytes(b"font.size: \xe9")
    before = (project.folder / "reports/index.html").read_bytes()  # contains SVGs
    variables = ("MPLBACKEND=module://matplotlib_inline.backend_inline", f"MATPLOTLIBRC={tmp_path}")
    for stage in ("evaluate", "gradcam_report"):
        project.run("env", *variables, "python", "-m", f"stages.{stage}")
    assert (project.folder / "reports/index.html").read_bytes() == before
    assert project.run("git", "status", "--porcelain", "reports") == ""
    (project.folder / "matplotlibrc").unlink()


@pytest.mark.parametrize("output", ["| true", ">/dev/full 2>&1", "<&- >&- 2>&-"])
def test_a_stage_goes_on_when_its_output_fails(project, output):
    (project.folder / "metrics/evaluate.json").unlink()
    project.run("bash", "-c", f"python -m stages.evaluate {output}; exit ${{PIPESTATUS[0]}}")
    assert project.run("git", "status", "--porcelain", "metrics") == ""


def test_a_stage_names_the_folder_in_which_it_runs(project):
    error = f"error: Stages run in their project's root, by module: `cd {project.folder}`, then"
    for command in ("cd src; PYTHONPATH=.. python -m stages.stats", "python stages/stats.py"):
        assert project.run("sh", "-c", command, code=2).startswith(error)


def test_a_failed_change_of_a_parameter_can_be_undone(project):
    """DVC writes params.yaml such that git takes a text of the same length for unchanged."""
    command = ("env", "PYTHONIOENCODING=ascii", "dvc", "exp", "run", "-S", "gradcam.images='é'")
    assert "undoes -S" not in project.run(*command, "--temp", code=255)
    output = project.run(*command, code=255)
    assert r"images is '\xe9'; it must be" in output
    assert "again. `git checkout params.yaml` undoes -S.\n" in output
    project.run("git", "checkout", "params.yaml")
    assert "images: 10" in (project.folder / "params.yaml").read_text()
