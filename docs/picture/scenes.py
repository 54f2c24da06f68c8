"""Drawn scenes: ten kinds of objects in random places, sizes and colours, 32×32 pixels."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from ..dataset.arrays import Dataset
from .source import DataSource

TRAIN, TEST = 2000, 600  # images, the same number of each class
SIDE = 128  # pixels while drawing
GROUNDS = ("#7fb069", "#d9b382", "#5b8fb9", "#8d99ae", "#e8e4d9")
SKIES = ("#bfe3f5", "#fbe8c8", "#f3d1dc", "#dfe7ec", "#27344a")
PAINTS = ("#c8553d", "#2a6f97", "#e9b44c", "#6a4c93", "#3a7d44", "#ef8354", "#f4f1de")


class Brush:
    """Draws in coordinates of the object: x and y from -1 to 1, y upwards."""

    def __init__(self, draw, x: float, y: float, size: float) -> None:
        self.draw, self.x, self.y, self.size = draw, x, y, size

    def _points(self, points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
        return [(self.x + self.size * x, self.y - self.size * y) for x, y in points]

    def polygon(self, color: str, *points: tuple[float, float]) -> None:
        self.draw.polygon(self._points(points), fill=color)

    def box(self, color: str, left: float, bottom: float, right: float, top: float) -> None:
        self.draw.rectangle(self._points(((left, top), (right, bottom))), fill=color)

    def oval(self, color: str, x: float, y: float, width: float, height: float) -> None:
        corners = ((x - width, y + height), (x + width, y - height))
        self.draw.ellipse(self._points(corners), fill=color)


def balloon(brush: Brush, paint: str, other: str) -> None:
    brush.polygon("#4a4e69", (-0.3, 0), (0.3, 0), (0.12, -0.7), (-0.12, -0.7))
    brush.oval(paint, 0, 0.3, 0.65, 0.7)
    brush.oval(other, 0, 0.3, 0.25, 0.7)
    brush.box("#6b4226", -0.17, -1, 0.17, -0.65)


def boat(brush: Brush, paint: str, other: str) -> None:
    brush.polygon(paint, (-1, -0.4), (1, -0.4), (0.6, -0.9), (-0.6, -0.9))
    brush.box("#6b4226", -0.06, -0.4, 0.06, 0.95)
    brush.polygon(other, (0.1, 0.95), (0.1, -0.3), (0.85, -0.3))
    brush.polygon("#f4f1de", (-0.1, 0.8), (-0.1, -0.3), (-0.7, -0.3))


def cactus(brush: Brush, paint: str, other: str) -> None:
    for box in ((-0.2, -1, 0.2, 0.95), (-0.7, -0.1, -0.45, 0.5), (0.45, 0.05, 0.7, 0.7)):
        brush.box("#2d6a4f", *box)
    brush.box("#2d6a4f", -0.7, -0.2, 0, 0.05)
    brush.box("#2d6a4f", 0, -0.05, 0.7, 0.2)
    brush.oval(paint, 0, 0.95, 0.18, 0.14)


def car(brush: Brush, paint: str, other: str) -> None:
    brush.box(paint, -1, -0.5, 1, 0.05)
    brush.polygon(paint, (-0.65, 0.05), (-0.4, 0.55), (0.4, 0.55), (0.65, 0.05))
    brush.polygon("#cfe8f3", (-0.45, 0.08), (-0.3, 0.42), (0.3, 0.42), (0.45, 0.08))
    for x in (-0.55, 0.55):
        brush.oval("#22223b", x, -0.5, 0.27, 0.27)


def fish(brush: Brush, paint: str, other: str) -> None:
    brush.polygon(other, (-0.4, 0), (-1, 0.5), (-1, -0.5))
    brush.oval(paint, 0.15, 0, 0.75, 0.45)
    brush.polygon(other, (0, 0.4), (0.5, 0.35), (0.1, 0.75))
    brush.oval("#ffffff", 0.55, 0.1, 0.14, 0.14)
    brush.oval("#22223b", 0.6, 0.1, 0.07, 0.07)


def flower(brush: Brush, paint: str, other: str) -> None:
    brush.box("#3a7d44", -0.06, -1, 0.06, 0.2)
    brush.oval("#3a7d44", 0.25, -0.5, 0.25, 0.1)
    for angle in np.arange(6) * np.pi / 3:
        brush.oval(paint, 0.38 * np.cos(angle), 0.4 + 0.38 * np.sin(angle), 0.26, 0.26)
    brush.oval("#f2cc3d", 0, 0.4, 0.24, 0.24)


def house(brush: Brush, paint: str, other: str) -> None:
    brush.box(paint, -0.7, -0.9, 0.7, 0.15)
    brush.polygon(other, (-0.9, 0.15), (0, 0.9), (0.9, 0.15))
    brush.box("#6b4226", -0.15, -0.9, 0.15, -0.3)
    for x in (-0.45, 0.45):
        brush.box("#fff3b0", x - 0.15, -0.35, x + 0.15, -0.05)


def mushroom(brush: Brush, paint: str, other: str) -> None:
    brush.box("#f4f1de", -0.22, -0.9, 0.22, 0.1)
    brush.oval("#b5302a", 0, 0.2, 0.85, 0.6)
    brush.box("#f4f1de", -0.22, -0.9, 0.22, -0.1)
    for x, y in ((-0.4, 0.3), (0.1, 0.55), (0.45, 0.2)):
        brush.oval("#ffffff", x, y, 0.13, 0.11)


def rocket(brush: Brush, paint: str, other: str) -> None:
    brush.polygon("#f28f3b", (-0.2, -0.65), (0.2, -0.65), (0, -1))
    brush.polygon(paint, (-0.7, -0.65), (0, 0.1), (0.7, -0.65))
    brush.box("#edf2f4", -0.28, -0.65, 0.28, 0.4)
    brush.polygon(paint, (-0.28, 0.4), (0, 1), (0.28, 0.4))
    brush.oval("#2a6f97", 0, 0.1, 0.14, 0.14)


def tree(brush: Brush, paint: str, other: str) -> None:
    brush.box("#6b4226", -0.14, -1, 0.14, -0.4)
    for base, top, width in ((-0.5, 0.3, 0.75), (-0.1, 0.65, 0.6), (0.3, 0.95, 0.45)):
        brush.polygon("#386641", (-width, base), (0, top), (width, base))


OBJECTS: tuple[Callable[[Brush, str, str], None], ...] = (
    *(balloon, boat, cactus, car, fish, flower, house, mushroom, rocket, tree),
)


def draw_scene(label: int, random: Generator) -> np.ndarray:
    """Returns one scene, uint8, 32×32×3."""
    from PIL import Image, ImageDraw

    sky, ground = random.choice(SKIES), random.choice(GROUNDS)
    image = Image.new("RGB", (SIDE, SIDE), sky)
    draw = ImageDraw.Draw(image)
    horizon = int(random.integers(SIDE // 2, SIDE))
    draw.rectangle((0, horizon, SIDE, SIDE), fill=ground)
    size = random.uniform(0.09, 0.36) * SIDE
    x, y = random.uniform(size, SIDE - size, 2)
    paint, other = random.choice(PAINTS, 2, replace=False)
    OBJECTS[label](Brush(draw, x, y, size), paint, other)
    scene = np.asarray(image.resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float32)
    return np.clip(scene + random.normal(0, 12, scene.shape), 0, 255).astype(np.uint8)


def load_scenes() -> Dataset:
    """Returns 2,000 train and 600 test scenes, the same ones every time."""
    random = np.random.default_rng(0)
    labels = np.arange(TRAIN + TEST, dtype=np.int64) % len(OBJECTS)
    images = np.stack([draw_scene(int(label), random) for label in labels])
    train, test = slice(TRAIN), slice(TRAIN, None)
    names = tuple(each.__name__ for each in OBJECTS)
    return Dataset(images[train], labels[train], images[test], labels[test], names)


SCENES = DataSource(
    title="Drawn scenes",
    link="https://pillow.readthedocs.io/",
    about="2,600 scenes of 32×32 pixels, drawn by a program.",
    licence="The scenes are in the public domain.",
    goal=0.95,
    load=lambda _: load_scenes(),
)
