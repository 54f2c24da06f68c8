"""Reads images of one's own: a folder with a subfolder for each class.

The folder has `train/CLASS/*` and `test/CLASS/*`, or only `CLASS/*`, which is split. DVC watches
the folder through the link `WATCHED`, because dvc.yaml can name a dependency only by the value of
one parameter: it lists `data/source/` and the source's name.
"""

import os
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dataset.arrays import Dataset
from ..runtime.errors import UserError, truncate_for_message
from .source import DataSource, FolderOptions

WATCHED = Path("data/source/folder")  # a link to the folder
SIDE = 32  # pixels
MAX_CLASSES = 200
MAX_NAMED = 10  # pictures or classes in a message
SPLIT_SEED = 0  # fixed, because `seed` in params.yaml must not change the test set
TRAIN, TEST = "train", "test"
JOINERS = "\u200c\u200d"  # invisible, but parts of words and emoji


@dataclass(frozen=True)
class Picture:
    """Names a file and its class.

    Attributes:
        path: the file.
        name: the name of its class.
    """

    path: Path
    name: str


def load_folder(options: FolderOptions) -> Dataset:
    """Reads all images of `options.folder`, upright, in RGB, reduced to 32×32 pixels.

    They are in the order of their file names, so numbered images stay in the order of their
    numbers. The classes are in alphabetical order.

    Raises:
        UserError: the folder does not exist; it has fewer than two or more than `MAX_CLASSES`
            classes; two names of classes differ only by case; a class lacks images for training or
            testing; a picture is unusable and `options.skip_bad` is false; a link leads out of the
            folder.
    """
    given = truncate_for_message(options.folder)
    root = Path(os.path.expanduser(options.folder))  # noqa: PTH111  # Path.expanduser raises for an unknown user
    if not root.is_dir():
        raise UserError(
            f"data.folder is {given}, which is not a folder; it must have a subfolder for each"
            " class. Create it or change data.folder, and run again."
        )
    parts = [root / TRAIN, root / TEST]
    divided = all(part.is_dir() for part in parts)
    if divided:
        _note_unread(root)
    folders = [list(_find_classes(part, root)) for part in (parts if divided else [root])]
    classes = sorted({_class_name(place.name) for part in folders for place in part})
    _check_classes(classes, given)
    found = [[p for place in part for p in _find_pictures(place, root)] for part in folders]
    pictures = [picture for group in found for picture in group]
    images, problems = _read(pictures, options)
    if problems:
        _report(problems, len(pictures), options.skip_bad)
    usable = [[p for p in group if p.path not in problems] for group in found]
    train, test = usable if divided else _split(usable[0], options.test_share)
    _check_counts(train, test, classes)
    _watch(root)
    labels = {name: label for label, name in enumerate(classes)}

    def arrays(group: list[Picture]) -> tuple[np.ndarray, np.ndarray]:
        ordered = sorted(group, key=lambda picture: (picture.path.name, picture.name))
        numbers = np.array([labels[picture.name] for picture in ordered], np.int64)
        return np.stack([images[picture.path] for picture in ordered]), numbers

    return Dataset(*arrays(train), *arrays(test), tuple(classes))


def _watch(root: Path) -> None:
    """Points the link that DVC follows to the folder, by a relative path if the user gave one."""
    target, place = os.path.realpath(root), os.path.realpath(WATCHED.parent)
    WATCHED.parent.mkdir(parents=True, exist_ok=True)
    WATCHED.unlink(missing_ok=True)
    WATCHED.symlink_to(target if root.is_absolute() else os.path.relpath(target, place))


def _note_unread(root: Path) -> None:
    """Prints which folders beside train/ and test/ are not read."""
    others = [place.name for place in sorted(root.iterdir()) if place.is_dir()]
    names = [_show(name) for name in others if name not in (TRAIN, TEST) and name[0] != "."]
    if names:
        listing = ", ".join(names[:MAX_NAMED])
        print(f"note: beside {TRAIN}/ and {TEST}/, nothing is read: {listing}", file=sys.stderr)


def _find_classes(folder: Path, root: Path) -> Iterator[Path]:
    """Yields the folders of the classes; raises UserError if one is a link."""
    if folder != root:
        _check_folder(folder)
    for place in sorted(folder.iterdir()):
        if not place.name.startswith(".") and not place.is_file():
            _check_folder(place)
            yield place


def _check_folder(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise UserError(
            f"{_show(folder)} is not a folder but a link or a device, which DVC does not follow;"
            " put the folder itself in its place and run again."
        )


def _find_pictures(folder: Path, root: Path) -> Iterator[Picture]:
    """Yields the files of a class, without hidden ones.

    Raises:
        UserError: the class contains a folder, a link leads out of `root`, or a name is not UTF-8.
    """
    for path in sorted(folder.iterdir()):
        try:
            path.name.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"{_show(path)} has a name that is not UTF-8; rename it and run again."
            ) from None
        if path.name.startswith("."):
            continue
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root.resolve()):
            raise UserError(
                f"{_show(path)} is a link out of data.folder; put a copy in its place and run"
                " again."
            )
        if path.is_dir():
            raise UserError(
                f"{_show(path)} is a folder in the class {_show(folder.name)}; data.folder must"
                f" have CLASS/PICTURE, or {TRAIN}/CLASS/PICTURE and {TEST}/CLASS/PICTURE. Move it"
                " and run again."
            )
        yield Picture(path, _class_name(folder.name))


def _class_name(folder: str) -> str:
    """Returns the class of a folder's name: composed characters, single ordinary spaces."""
    return " ".join(unicodedata.normalize("NFC", folder).split())


def _check_classes(names: list[str], folder: str) -> None:
    """Raises UserError if the names cannot be the classes of a dataset."""
    for name in names:
        visible = all(char.isprintable() or char in JOINERS for char in name)
        if not visible or not name.strip(JOINERS):
            raise UserError(
                f"The class {name!a} has characters that cannot be shown; rename its folder and run"
                " again."
            )
    alike = Counter(name.casefold() for name in names)
    same = [name for name in names if alike[name.casefold()] > 1]
    if same:
        other = next(name for name in same[1:] if name.casefold() == same[0].casefold())
        raise UserError(
            f"The classes {_show(same[0])} and {_show(other)} differ only by case; rename one or"
            " move their pictures together, and run again."
        )
    if not 2 <= len(names) <= MAX_CLASSES:
        few = ["no class", *(f"only the class {_show(name)}" for name in names)]
        what = few[len(names)] if len(names) < 2 else f"{len(names)} classes"
        raise UserError(
            f"data.folder is {folder}, which has {what}; it must have 2 to {MAX_CLASSES},"
            " each a subfolder with pictures. Add or remove some, or change data.folder, and run"
            " again."
        )


def _read(
    pictures: list[Picture], options: FolderOptions
) -> tuple[dict[Path, np.ndarray], dict[Path, str]]:
    """Returns the images by file, uint8 32×32×3, and the problems of unusable files."""
    from concurrent.futures import ThreadPoolExecutor

    from tqdm import tqdm

    from ..pictures.decode import PictureError, open_picture
    from ..pictures.fit import fit_image

    def read(picture: Picture) -> np.ndarray | str:
        try:
            if not picture.path.is_file():
                return "It is neither a file nor a link to one."
            picture.path.open("rb").close()  # a missing permission is not the picture's fault
            return fit_image(open_picture(picture.path, options.fit), SIDE, options.fit)
        except PictureError as error:
            return str(error)

    images, problems = {}, {}
    pool = ThreadPoolExecutor()  # Pillow does not hold Python's lock
    try:
        results = pool.map(read, pictures)
        bar = tqdm(results, "Reading", len(pictures), unit=" pictures", disable=None)
        for picture, result in zip(pictures, bar, strict=True):
            if isinstance(result, str):
                problems[picture.path] = result
            else:
                images[picture.path] = result
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, do not read the rest
    return images, problems


def _report(problems: dict[Path, str], count: int, skip: bool) -> None:
    """Names unusable pictures: as a note if they are left out, otherwise as a UserError."""
    lines = [f"{_show(path)}: {problem}" for path, problem in list(problems.items())[:MAX_NAMED]]
    more = len(problems) - len(lines)
    lines += [f"and {more} more"] * (more > 0)
    listing = "".join(f"\n  {line}" for line in lines)
    summary = f"{len(problems)} of {count} pictures cannot be used"
    if not skip:
        raise UserError(
            f"{summary}; repair or remove what is listed, or set data.skip_bad to true to leave it"
            f" out, and run again:{listing}"
        )
    print(f"note: {summary} and are left out (data.skip_bad):{listing}", file=sys.stderr)


def _split(pictures: list[Picture], share: float) -> tuple[list[Picture], list[Picture]]:
    """Splits each class at random; one with two pictures or more has at least one in each part."""
    by_class: dict[str, list[Picture]] = defaultdict(list)
    for picture in pictures:
        by_class[picture.name].append(picture)
    train: list[Picture] = []
    test: list[Picture] = []
    for name in sorted(by_class):
        group = by_class[name]
        count = min(max(round(share * len(group)), 1), len(group) - 1)
        random = np.random.RandomState(SPLIT_SEED)  # its numbers are the same in every NumPy
        chosen = set(random.permutation(len(group))[:count].tolist())
        for number, picture in enumerate(group):
            (test if number in chosen else train).append(picture)
    return train, test


def _check_counts(train: list[Picture], test: list[Picture], classes: list[str]) -> None:
    """Raises UserError if a class has no picture to train with or none to test with."""
    for purpose, group in (("training", train), ("testing", test)):
        present = {picture.name for picture in group}
        missing = [_show(name) for name in classes if name not in present]
        if missing:
            more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
            what = "class" if len(missing) == 1 else "classes"
            raise UserError(
                f"No picture is left for {purpose} in the {what} {', '.join(missing[:MAX_NAMED])}"
                f"{more}; each class must have one for training and one for testing. Add pictures"
                " or remove the folder, and run again."
            )


def _show(path: Path | str) -> str:
    return truncate_for_message(str(path))


FOLDER = DataSource(
    title="Images from a folder",
    link=None,
    about="The images come from a folder and were reduced to 32×32 pixels.",
    licence="",
    goal=None,
    load=load_folder,
)
