"""Draws a scene for each class of CIFAR-10, to show where its images may not be."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 32  # pixels of a scene; also the unit of coordinates, from the top left corner
SCALE = 16  # pixels while drawing, per pixel of the scene
NOISE = 5.0  # standard deviation, of 255, as in photographs


class Canvas:
    """Draws shapes, each in one colour."""

    def __init__(self, top: str, bottom: str) -> None:
        """Fills the background with a gradient."""
        ends = Image.new("RGB", (1, 2), top)
        ends.paste(bottom, (0, 1, 1, 2))
        size = (SIDE * SCALE, SIDE * SCALE)
        self.image = ends.resize(size, Image.Resampling.BILINEAR)
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, colour: str, *corners: float) -> None:
        """Draws a polygon; `corners` are x and y of each in turn."""
        self.draw.polygon([SCALE * value for value in corners], colour)

    def oval(self, colour: str, x: float, y: float, width: float, height: float) -> None:
        """Draws an ellipse around (x, y)."""
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        self.draw.ellipse([SCALE * value for value in box], colour)

    def box(self, colour: str, left: float, top: float, right: float, bottom: float) -> None:
        self.draw.rectangle([SCALE * value for value in (left, top, right, bottom)], colour)

    def line(self, colour: str, width: float, *points: float) -> None:
        """Draws a line; `points` are x and y of each in turn."""
        path = [SCALE * value for value in points]
        self.draw.line(path, colour, round(SCALE * width), joint="curve")

    def blur(self, radius: float) -> None:
        """Blurs everything so far."""
        self.image = self.image.filter(ImageFilter.GaussianBlur(SCALE * radius))
        self.draw = ImageDraw.Draw(self.image)


def airplane() -> Canvas:
    c = Canvas("#6fa8dc", "#d6e6f2")
    c.polygon("#8b97a3", 13, 15, 19, 15.5, 9, 24, 6.5, 24)  # near wing, behind
    c.polygon("#c8d0d8", 26, 15, 30, 6.5, 27, 6.5, 22, 14)  # fin
    c.polygon("#f2f4f6", 2, 16.5, 4, 14.6, 8, 13.8, 26, 13.8, 30, 14.6, 25, 17, 8, 18.2, 3.5, 17.8)
    c.polygon("#aab4be", 3.5, 17.3, 25, 16.4, 29, 15, 25, 17, 8, 18.4)
    c.polygon("#707c88", 14, 16.5, 20, 16.5, 12.5, 25.5, 9.5, 25.5)
    c.polygon("#9aa5b0", 24.5, 15, 28, 15, 31, 17.5, 29, 17.5)
    c.oval("#4a545e", 12.2, 20.4, 3.6, 1.8)
    c.line("#3b4650", 0.5, 8, 15.2, 24, 15.2)
    c.polygon("#2f3942", 3.6, 15.2, 5.6, 14.6, 5.8, 15.6)
    return c


def automobile() -> Canvas:
    c = Canvas("#b9c4c9", "#8d9a91")
    c.box("#7a7d7e", 0, 21, 32, 32)
    c.oval("#3a3b3d", 16, 26, 30, 4)
    c.polygon("#b3201f", 1.5, 18, 3, 16, 8.5, 15, 26.5, 14.8, 30, 16, 30.8, 22, 29, 25, 2, 25)
    c.polygon("#b3201f", 8.5, 15, 12, 9.5, 22, 9.3, 26.5, 14.8)
    c.polygon("#d8403a", 3, 16.3, 9, 15.4, 26, 15.2, 30, 16.3, 29.5, 18, 3, 18)
    c.polygon("#26313b", 10, 15, 12.8, 10.6, 16.6, 10.5, 16.6, 15)
    c.polygon("#2e3b47", 17.6, 15, 17.6, 10.5, 21.6, 10.4, 25, 14.9)
    c.box("#7c1413", 2, 22.3, 30.2, 23.6)
    for x in (7.6, 24.4):
        c.oval("#17181a", x, 24.2, 6.4, 6.4)
        c.oval("#b9bdc1", x, 24.2, 3.2, 3.2)
        c.oval("#6a6e72", x, 24.2, 1.4, 1.4)
    c.oval("#f7efcf", 2.8, 19, 2, 2)
    c.oval("#f0a53a", 30, 19, 1.2, 1.8)
    return c


def bird() -> Canvas:
    c = Canvas("#9db87a", "#6f8f55")
    c.oval("#b7cf8f", 8, 8, 14, 12)
    c.oval("#557a40", 26, 22, 16, 14)
    c.blur(2.5)
    c.line("#5a4632", 1.8, 0, 27, 14, 25.6, 32, 26.6)
    c.polygon("#5b4636", 20, 19, 30.5, 25.5, 29, 27.5, 17, 22.5)
    c.oval("#8a6a4c", 15.5, 17.5, 14, 10.5)
    c.oval("#d9b48a", 13, 18.8, 9, 8)
    c.oval("#7b5d43", 9.5, 11.2, 8, 7.6)
    c.oval("#c99a6b", 8.6, 13.4, 5.4, 4)
    c.polygon("#4a392b", 15, 14.5, 24.5, 20.8, 22.5, 22.3, 14, 19.6)
    c.polygon("#3a322a", 6, 10.6, 2.2, 11.8, 6, 12.8)
    c.oval("#15120f", 8.2, 10.2, 1.5, 1.5)
    for x in (13, 16):
        c.line("#6b5440", 0.6, x, 22, x + 0.4, 26)
    return c


def cat() -> Canvas:
    c = Canvas("#ece6dc", "#cbbfae")
    c.oval("#6f5a46", 16, 31, 24, 18)
    for side in (-1, 1):
        c.polygon("#574534", 16 + side * 10.5, 15, 16 + side * 9.8, 2.5, 16 + side * 1.5, 8.5)
        c.polygon("#c39a90", 16 + side * 8.7, 11, 16 + side * 8.5, 5.2, 16 + side * 4, 8.6)
    c.oval("#75604b", 16, 16, 22, 19)
    for x in (12.5, 16, 19.5):
        c.line("#3a2b1f", 0.9, x, 7.2, 16 + (x - 16) * 0.8, 11.5)
    for side in (-1, 1):
        c.line("#3a2b1f", 0.8, 16 + side * 10.5, 15, 16 + side * 7, 16.2)
        c.line("#3a2b1f", 0.8, 16 + side * 10.3, 18.2, 16 + side * 7, 18.2)
        c.oval("#2b2620", 16 + side * 4.6, 14.6, 5, 4.4)
        c.oval("#b5b04a", 16 + side * 4.6, 14.6, 4.2, 3.8)
        c.oval("#12100d", 16 + side * 4.6, 14.6, 1.5, 3.6)
        c.oval("#d8cfc4", 16 + side * 2.4, 20.8, 5.6, 4.6)
    c.polygon("#c77f78", 14.6, 18, 17.4, 18, 16, 19.8)
    c.line("#4a3d36", 0.5, 16, 19.8, 16, 21.4)
    return c


def deer() -> Canvas:
    c = Canvas("#5c6f4b", "#7f8f55")
    for x in (2.0, 9.0, 24.0, 30.0):
        c.box("#3e4a35", x - 1.2, 0, x + 1.2, 18)
    c.blur(1.2)
    c.box("#8a9a58", 0, 23, 32, 32)
    for x in (13, 15.5, 22.5, 25):
        c.line("#7a5230", 1.5, x, 20, x - 0.3, 25, x, 30)
    c.oval("#a5713f", 19, 18, 15, 8)
    c.polygon("#a5713f", 11.5, 19, 8.5, 10.5, 12, 9, 17, 15.5)
    c.oval("#e6d6bd", 26, 17.5, 2.5, 4)
    c.oval("#d0aa7c", 19, 21, 11, 2.4)
    c.polygon("#9a6838", 12.4, 8, 9, 7, 4.2, 11.4, 5, 13, 10.5, 12.4)
    c.oval("#2a1d12", 5, 12.2, 1.6, 1.4)
    c.oval("#1c130b", 8.6, 9.2, 1.1, 1.1)
    c.polygon("#8a5a30", 12, 8.4, 15.6, 6.4, 13, 10)
    for side in (-1, 1):
        x = 10.5 + side
        c.line("#cdb48c", 0.8, x, 7.4, x + side * 2.6, 3.6, x + side * 2, 0.4)
        c.line("#cdb48c", 0.7, x + side * 2.6, 3.6, x + side * 4.6, 1.2)
    return c


def dog() -> Canvas:
    c = Canvas("#8fa06f", "#6f7f55")
    c.oval("#a9773f", 16, 32, 22, 16)
    c.oval("#efe6d8", 16, 31, 10, 12)
    c.oval("#b98146", 16, 14.5, 19, 19)
    c.polygon("#6f4524", 8.5, 6.5, 3.6, 9, 2.6, 18.5, 6, 21.5, 9.2, 14)
    c.polygon("#6f4524", 23.5, 6.5, 28.4, 9, 29.4, 18.5, 26, 21.5, 22.8, 14)
    c.polygon("#f1e8da", 14.6, 5.5, 17.4, 5.5, 18.6, 16, 13.4, 16)
    c.oval("#f1e8da", 16, 19, 11, 9)
    for x in (11.4, 20.6):
        c.oval("#2a1a0f", x, 13, 2.8, 2.8)
        c.oval("#ffffff", x - 0.5, 12.4, 0.8, 0.8)
    c.oval("#17120f", 16, 17.4, 4.6, 3.4)
    c.line("#3a2a20", 0.6, 16, 19, 16, 21, 13, 22.2)
    c.line("#3a2a20", 0.6, 16, 21, 19, 22.2)
    c.oval("#d8737a", 16, 23.6, 3.4, 4)
    return c


def frog() -> Canvas:
    c = Canvas("#3a3428", "#26221a")
    for x, y, size in ((4.0, 6.0, 7), (26, 5, 8), (29, 24, 7), (3, 27, 8), (16, 3, 6)):
        c.oval("#4a4232", x, y, size, size * 0.7)
    c.blur(0.8)
    c.oval("#4d7a2c", 6.5, 22, 10, 9)
    c.oval("#4d7a2c", 25.5, 22, 10, 9)
    c.oval("#6f9f3a", 16, 18.5, 19, 15)
    c.oval("#c9cf8a", 16, 22.5, 14, 8)
    c.oval("#74a63e", 16, 14, 17, 9.5)
    for side in (-1, 1):
        c.oval("#7fb045", 16 + side * 5.6, 9.2, 6.2, 6)
        c.oval("#d9c24a", 16 + side * 5.9, 9, 4.2, 4.2)
        c.oval("#14130c", 16 + side * 6, 9, 2.9, 2.4)
        c.line("#5d8c30", 2, 16 + side * 7, 21, 16 + side * 9.6, 26, 16 + side * 6, 28)
        for toe in (-1.6, 0.0, 1.6):
            c.line("#5d8c30", 0.8, 16 + side * 6, 28, 16 + side * 6 + toe, 30)
    c.line("#3d5a22", 0.7, 8.6, 15.6, 12, 17.4, 20, 17.4, 23.4, 15.6)
    for x, y in ((11.0, 12.0), (16.0, 11.0), (20.5, 12.4), (13.6, 14), (18.6, 14.4)):
        c.oval("#4d7a2c", x, y, 1.5, 1.2)
    return c


def horse() -> Canvas:
    c = Canvas("#c4d3dc", "#a9b89a")
    c.box("#6d8a45", 0, 17, 32, 32)
    c.blur(1.0)
    for x, knee in ((9.5, 9), (12.5, 12.8), (22, 22.6), (25, 24.4)):
        c.line("#5a3219", 1.7, x, 19, knee, 24.5, x - 0.2, 30)
    c.polygon("#2a1a10", 26.5, 13.5, 29.8, 16, 29.4, 24, 27.2, 22)
    c.oval("#7b4522", 18, 16.4, 19, 9)
    c.polygon("#7b4522", 8.5, 17, 5.5, 6.5, 9, 4, 16, 13)
    c.polygon("#2a1a10", 9.2, 3.4, 12, 6, 16.5, 12.4, 13, 11.4, 8.6, 6)
    c.polygon("#84502a", 9.2, 4.2, 5.6, 4.4, 1.2, 10.6, 2.6, 12.4, 8.6, 9.6)
    c.polygon("#6a3a1b", 8, 4.6, 8.6, 1.8, 9.8, 4.4)
    c.oval("#17100b", 6.2, 6.8, 1, 1)
    c.oval("#3a2416", 2.2, 11.2, 1.4, 1.2)
    c.polygon("#e8e0d4", 5.6, 5, 6.4, 5.2, 3.4, 10, 2.8, 9.6)
    c.oval("#96603a", 17, 13.8, 12, 2.4)
    return c


def ship() -> Canvas:
    c = Canvas("#a8c8e4", "#dbe8f0")
    c.box("#2f5f86", 0, 20, 32, 32)
    for x, y in ((4.0, 28.0), (13.0, 30.0), (22, 28.6), (28, 30.4), (8, 31)):
        c.line("#6f9bbd", 0.5, x - 3, y, x + 3, y)
    c.polygon("#1f2d3d", 1, 17.5, 31, 17, 28.5, 23.5, 4.5, 23.5)
    c.polygon("#9b2f28", 3.8, 22, 29.2, 22, 28.5, 23.8, 4.5, 23.8)
    c.line("#dfe5ea", 0.6, 1.4, 18, 30.8, 17.6)
    c.box("#f4f5f6", 8, 13.6, 26, 17.4)
    c.box("#e3e7ea", 11, 10.4, 24, 13.8)
    c.box("#f4f5f6", 13, 8, 19, 10.6)
    for y, left, right in ((15.2, 9, 25), (11.8, 12, 23)):
        c.line("#42586b", 0.7, left, y, right, y)
    c.polygon("#c8452f", 20.5, 10.4, 20.8, 5, 23.8, 5, 24.1, 10.4)
    c.box("#22262b", 20.7, 4.6, 23.9, 6)
    c.line("#5a646d", 0.5, 15.5, 8, 15.5, 3)
    c.line("#cfe0ec", 0.9, 2, 24, 30, 24)
    return c


def truck() -> Canvas:
    c = Canvas("#b4cbe0", "#d7dfe4")
    c.oval("#6f8a5a", 4, 18, 14, 9)
    c.oval("#6f8a5a", 28, 18, 12, 8)
    c.blur(0.8)
    c.box("#6c6e70", 0, 24, 32, 32)
    c.box("#2b2d30", 3, 22, 30, 25)
    c.box("#eceff1", 10.5, 6, 31, 22)
    c.box("#c9ced2", 10.5, 20, 31, 22)
    for x in (14.6, 18.7, 22.8, 26.9):
        c.line("#c3c9ce", 0.4, x, 6.5, x, 20)
    c.polygon("#2456a6", 1, 23.4, 1, 15.4, 3.4, 10, 9.8, 10, 9.8, 23.4)
    c.polygon("#22303c", 2.4, 15.2, 4.2, 11.2, 8.6, 11.2, 8.6, 15.2)
    c.box("#b9bec3", 0.6, 21.4, 4, 23.6)
    c.oval("#f8eec6", 1.8, 19.4, 1.6, 1.6)
    for x in (6.4, 20.4, 26.4):
        c.oval("#141517", x, 25, 5.4, 5.4)
        c.oval("#9a9fa4", x, 25, 2.4, 2.4)
    return c


SCENES: tuple[Callable[[], Canvas], ...] = (
    *(airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck),
)


def draw_scenes() -> np.ndarray:
    """Returns a scene of each class in the order of CIFAR-10's labels, uint8 10×32×32×3."""
    random = np.random.default_rng(0)
    scenes = []
    for scene in SCENES:
        image = scene().image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        pixels = np.asarray(image, np.float64)
        scenes.append((pixels + random.normal(0, NOISE, pixels.shape)).clip(0, 255))
    return np.stack(scenes).round().astype(np.uint8)
