"""DVC sees the images in a folder, and only while they are the source."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from project import ran

from cifarlens.sources.digits import read_digits

FOLDER = {"source": "folder", "folder": "data/images", "val_size": 0}


def draw(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


@pytest.fixture
def own(project):
    """The project, whose images are 400 digits in a folder."""
    digits = read_digits()
    pairs = zip(digits.train_images[:400], digits.train_labels, strict=False)
    for number, (image, label) in enumerate(pairs):
        draw(project.folder / f"data/images/Ziffer {label}/{number}.png", image)
    project.params(data=FOLDER)
    yield project
    project.run("dvc", "remove", "data/images.dvc", code=(0, 1))
    project.run("rm", "-rf", "data/images")
    project.restore()


def repro(project) -> list[str]:
    return ran(project.run("dvc", "repro", "stats"))


def test_changed_added_and_removed_pictures_rerun_and_touched_ones_do_not(own):
    images = own.folder / "data/images/Ziffer 1"
    first = min(images.iterdir())
    new = np.full((50, 40, 3), 7, np.uint8)
    assert "download" in repro(own)
    os.utime(first, (1, 1))
    assert repro(own) == []
    draw(first, new)
    assert repro(own) == ["download", "stats"]
    draw(images / "new.png", new)
    assert "download" in repro(own)
    (images / "new.png").unlink()
    assert "download" in own.run("dvc", "status")
    own.params(data={"source": "digits"})
    repro(own)
    draw(first, new + 1)
    assert repro(own) == []
    own.run("rm", "-rf", "data/images")
    assert repro(own) == []


def test_the_folder_that_is_named_is_watched_also_if_its_result_is_known(own):
    """DVC's run cache would give the result of the same pictures without running the stage."""
    own.run("cp", "-r", "data/images", "data/copy")
    for folder in ("data/images", "data/copy", "data/images"):
        own.params(data={"folder": folder})
        repro(own)
    min((own.folder / "data/images/Ziffer 1").iterdir()).unlink()
    assert "download" in repro(own)
    own.run("rm", "-rf", "data/copy")


def test_an_experiment_holds_the_link_and_no_picture_and_applied_it_watches_the_folder(own):
    own.run("git", "checkout", "params.yaml")
    own.run(
        "dvc", "exp", "run", "-n", "own", *(f"-Sdata.{k}={v}" for k, v in FOLDER.items()), "stats"
    )
    (ref,) = own.run("git", "for-each-ref", "--format=%(refname)", "refs/exps/*/*/own").split()
    assert "data/source/folder\n" in own.run("git", "ls-tree", "-r", "--name-only", ref)
    assert ".png" not in own.run("git", "ls-tree", "-r", "--name-only", ref)
    assert ".png" not in own.run("git", "status", "--short")
    own.run("git", "checkout", ".")
    own.run("dvc", "exp", "apply", "own")
    assert (own.folder / "data/source/folder").is_symlink()
    min((own.folder / "data/images/Ziffer 1").iterdir()).unlink()
    assert "download" in repro(own)


def test_another_folder_and_a_wrong_one(own):
    assert repro(own)
    (own.folder / "data/images").rename(own.folder.parent / "photos")
    (own.folder / "data/images").mkdir()
    absolute = str(own.folder.parent / "photos")
    own.params(data={"folder": absolute})
    assert repro(own) == ["download"]  # the same pictures
    own.params(data={"folder": "data/nowhere"})
    output = own.run("dvc", "repro", "stats", code=255)
    assert "error: data.folder is data/nowhere, which is not a folder" in output
    assert "Traceback" not in output


def test_images_that_dvc_tracks(own, tmp_path):
    """As docs/your-own-images.md shows: the pictures are pushed and pulled with the results."""
    own.run("dvc", "add", "data/images")
    own.run("dvc", "remote", "add", "--local", "-d", "store", str(tmp_path / "store"))
    pushed = own.run("dvc", "push")
    assert int(re.findall(r"(\d+) files? pushed", pushed)[0]) > 300
    assert "download" in repro(own)
    own.run("rm", "-rf", "data/images")
    own.run("dvc", "checkout", "data/images.dvc")
    assert repro(own) == []
