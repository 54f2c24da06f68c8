"""Images of one's own: what a folder may look like, and every refusal."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from archive_making import write_folder
from PIL import Image

from cifarlens.runtime.errors import UserError
from cifarlens.sources import cifar10
from cifarlens.sources.digits import read_digits
from cifarlens.sources.folder import WATCHED, load_folder
from cifarlens.sources.source import FolderOptions

NAMES = ["<b>bold & co", "Größe", "rote Äpfel", "日本語", "می\u200cخواهم"]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A folder with the link that DVC watches."""
    monkeypatch.chdir(tmp_path)
    WATCHED.parent.mkdir(parents=True)
    WATCHED.symlink_to("README.md")


def load(folder="images", **options):
    values = {"fit": "crop", "test_share": 0.2, "skip_bad": False, **options}
    return load_folder(FolderOptions(folder, **values))


def draw(path: Path, color=(200, 100, 50), size=(40, 40), **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **options)
    return path


def two_classes(root=Path("images"), count=5) -> Path:
    for label, name in enumerate(("cat", "dog")):
        for number in range(count):
            draw(root / name / f"{number}.png", (50 * label, 10 * number, 7))
    return root


def divided(root=Path("images")) -> Path:
    for part in ("train", "test"):
        two_classes(root / part, 2)
    return root


@pytest.mark.parametrize("source", ["digits", "cifar10"])
def test_a_folder_gives_the_same_arrays_as_the_source_of_its_images(
    source, members, md5s, tmp_path, monkeypatch
):
    monkeypatch.setenv("CIFAR10_SOURCE", str(write_folder(tmp_path / "members", members)))
    dataset = read_digits() if source == "digits" else cifar10.ARCHIVE.load()
    for part in ("train", "test"):
        pixels, labels = getattr(dataset, f"{part}_images"), getattr(dataset, f"{part}_labels")
        for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            folder = Path("images", part, dataset.classes[label])
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number:05}.png")
    own = load()
    assert own.classes == dataset.classes
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        actual, expected = getattr(own, name), getattr(dataset, name)
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)


def test_pictures_become_upright_and_square():
    two_classes()
    wide = Image.new("RGB", (96, 48), "white")
    wide.paste((255, 0, 0), (0, 0, 48, 48))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was on its side: left becomes top
    wide.save("images/cat/0.jpg", exif=exif, quality=95, subsampling=0)
    dataset = load(fit="pad", test_share=0.01)
    (index,) = (i for i, image in enumerate(dataset.train_images) if image[2, 16, 0] > 200)
    image = dataset.train_images[index].astype(int)
    assert (image[:, :7] == 0).all()
    assert abs(image[8, 16] - (255, 0, 0)).max() < 12
    assert image[24, 16].min() > 243


@pytest.mark.parametrize("size", [(300, 30), (9000, 300), (4000, 8)])
def test_padding_keeps_both_ends_of_a_thin_picture_of_any_size(size):
    two_classes(count=2)
    image = Image.new("RGB", size, (0, 200, 0))
    image.paste((200, 0, 0), (0, 0, size[0] // 4, size[1]))
    image.save("images/dog/1.png")
    dataset = load(fit="pad")
    images = np.concatenate([dataset.train_images, dataset.test_images]).astype(int)
    (thin,) = (image for image in images if not image[0].any())
    row = thin[15] if thin[15].any() else thin[16]
    assert abs(row[2] - (200, 0, 0)).max() < 40
    assert abs(row[29] - (0, 200, 0)).max() < 40


def test_the_split_takes_a_share_of_each_class_and_never_depends_on_other_classes():
    two_classes(count=20)
    draw(Path("images/eel/0.png"), (1, 2, 3))
    draw(Path("images/eel/1.png"), (3, 2, 1))
    first = load()
    assert np.bincount(first.train_labels).tolist() == [16, 16, 1]
    assert np.bincount(first.test_labels).tolist() == [4, 4, 1]
    draw(Path("images/cat/new.png"), (9, 9, 9))
    dogs, same = (data.test_images[data.test_labels == 1] for data in (first, load()))
    np.testing.assert_array_equal(dogs, same)
    assert np.bincount(load(test_share=0.5).test_labels).tolist() == [10, 10, 1]


def test_classes_have_any_name_and_hidden_and_loose_files_are_no_pictures():
    for name in (*NAMES, "a\u00a0b", ".hidden"):
        two = (draw(Path("images") / name / f"{n}.png", (n, 0, 0)) for n in range(2))
        list(two)
    Path("images/cat.txt").write_text("beside the classes")
    Path("images/Größe/.DS_Store").write_text("hidden")
    dataset = load()
    assert dataset.classes == tuple(sorted([*NAMES, "a b"]))
    assert len(dataset.train_labels) == len(dataset.test_labels) == 6


def test_unusable_pictures_are_all_listed_or_left_out(capsys):
    two_classes(count=12)
    for number in range(12):
        Path(f"images/cat/bad {number:02}.jpg").write_text("not a picture")
    with pytest.raises(UserError) as error:
        load()
    message = str(error.value)
    assert "12 of 36 pictures cannot be used" in message
    assert "set data.skip_bad to true" in message
    assert message.count("images/cat/bad") == 10
    assert message.endswith("and 2 more")
    dataset = load(skip_bad=True)
    assert len(dataset.train_labels) + len(dataset.test_labels) == 24
    assert "12 of 36 pictures cannot be used and are left out" in capsys.readouterr().err


def outside(name):
    two_classes()
    draw(Path("elsewhere/cat.png"))
    Path("images", name).symlink_to(
        Path("elsewhere" if name == "fox" else "elsewhere/cat.png").absolute()
    )


def linked_part():
    divided()
    Path("images/test").rename("elsewhere")
    Path("images/test").symlink_to(Path("elsewhere").absolute())


def huge():
    Image.new("1", (20_000, 10_000)).save(two_classes() / "cat/huge.png")


def only_train_and_val():
    divided()
    Path("images/test").rename("images/val")


REFUSED = {
    "no folder": (lambda: None, "data.folder is images, which is not a folder; it must have"),
    "a file": (lambda: Path("images").write_text(""), "images, which is not a folder"),
    "no class": (lambda: Path("images").mkdir(), "which has no class; it must have 2 to 200"),
    "one class": (lambda: draw(Path("images/cat/1.png")), "only the class cat; it must have 2"),
    "too many": (
        lambda: [draw(Path(f"images/{n}/1.png"), size=(8, 8)) for n in range(201)],
        "which has 201 classes; it must have 2 to 200",
    ),
    "no test picture": (
        lambda: shutil.rmtree(divided() / "test/dog"),
        "No picture is left for testing in the class dog; each class must have one",
    ),
    "no training picture": (
        lambda: draw(divided() / "test/eel/1.png"),
        "No picture is left for training in the class eel",
    ),
    "one picture": (
        lambda: draw(two_classes() / "eel/1.png"),
        "No picture is left for testing in the class eel",
    ),
    "200 megapixels": (huge, "images/cat/huge.png: The picture has far more than 40 megapixels"),
    "a tiny picture": (
        lambda: draw(two_classes() / "cat/tiny.png", size=(3, 3)),
        "images/cat/tiny.png: The picture is 3×3 pixels",
    ),
    "a pipe": (
        lambda: os.mkfifo(two_classes() / "cat/pipe"),
        "images/cat/pipe: It is neither a file nor a link to one",
    ),
    "a broken link": (
        lambda: (two_classes() / "cat/link.png").symlink_to("gone.png"),
        "images/cat/link.png: It is neither a file",
    ),
    "a link to a picture": (
        lambda: outside("cat/link.png"),
        "images/cat/link.png is a link out of data.folder; put a copy in its place",
    ),
    "a link to a folder": (
        lambda: outside("fox"),
        "images/fox is not a folder but a link or a device, which DVC does not follow",
    ),
    "a linked part": (linked_part, "images/test is not a folder but a link"),
    "case": (
        lambda: draw(two_classes() / "Cat/1.png"),
        "The classes Cat and cat differ only by case; rename one",
    ),
    "a folder in a class": (
        lambda: draw(two_classes() / "cat/small/1.png"),
        "images/cat/small is a folder in the class cat; data.folder must have CLASS/PICTURE",
    ),
    "train and val": (only_train_and_val, "images/train/cat is a folder in the class train"),
    "an empty class": (
        lambda: (two_classes() / "eel").mkdir(),
        "No picture is left for training in the class eel",
    ),
    "a linked class": (
        lambda: (two_classes() / "eel").symlink_to("cat"),
        "images/eel is not a folder but a link",
    ),
    "an invisible name": (lambda: draw(two_classes() / "\u200d/1.png"), "cannot be shown"),
    "a blank name": (lambda: draw(two_classes() / " /1.png"), "cannot be shown"),
    "bytes": (
        lambda: draw(two_classes() / "cat/x.png").rename("images/cat/\udcff.png"),
        "has a name that is not UTF-8; rename it",
    ),
    "control characters": (
        lambda: draw(two_classes() / "be\x07ll/1.png"),
        r"The class 'be\x07ll' has characters that cannot be shown; rename its folder",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_each_refusal_is_one_sentence_that_names_the_place(case):
    make, expected = REFUSED[case]
    make()
    with pytest.raises(UserError) as error:
        load()
    assert expected in str(error.value)
    assert "run again" in str(error.value)


def test_folders_beside_train_and_test_are_named(capsys):
    draw(divided() / "val/cat/1.png")
    load()
    assert "beside train/ and test/, nothing is read: val" in capsys.readouterr().err


def test_links_inside_the_folder_work():
    two_classes()
    Path("images/cat/link.png").symlink_to("0.png")
    assert len(load().train_labels) == 9  # 5 of the 6 cats, 4 of the 5 dogs


@pytest.mark.parametrize("absolute", [False, True])
def test_the_watched_link_leads_to_the_folder(absolute, tmp_path):
    root = two_classes(tmp_path / "photos" if absolute else Path("photos"))
    load(str(root))
    assert WATCHED.resolve() == (tmp_path / "photos").resolve()
    assert WATCHED.readlink().is_absolute() == absolute
