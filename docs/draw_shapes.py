"""Draws 600 pictures of shapes, 150 in each of four classes: python docs/draw_shapes.py [FOLDER]

FOLDER is data/images if it is not given. The pictures are the same each time.
"""

import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

COUNT = 150  # pictures of a class
SCALE = 2  # draws larger, then reduces, so that edges are smooth
CORNERS = {"circle": 60, "square": 4, "star": 10, "triangle": 3}


def outline(name: str, radius: float, turn: float) -> list[tuple[float, float]]:
    """Returns the corners of a shape around (0, 0); every second corner of a star is inside."""
    corners = CORNERS[name]
    points = []
    for corner in range(corners):
        angle = turn + 2 * math.pi * corner / corners
        reach = radius * (0.45 if name == "star" and corner % 2 else 1)
        points.append((reach * math.cos(angle), reach * math.sin(angle)))
    return points


def draw(name: str, rng: random.Random) -> Image.Image:
    """Returns a picture of 160 to 320 pixels a side with one shape, somewhat blurred."""
    width, height = rng.randint(160, 320), rng.randint(160, 320)
    ground = [rng.randint(0, 255) for _ in range(3)]
    color = [(level + rng.randint(90, 165)) % 256 for level in ground]
    image = Image.new("RGB", (SCALE * width, SCALE * height), tuple(ground))
    side = SCALE * min(width, height)
    radius = side * rng.uniform(0.25, 0.42)
    spare = side / 2 - radius  # the shape stays in the centre square, which the network sees
    x = image.width / 2 + rng.uniform(-spare, spare)
    y = image.height / 2 + rng.uniform(-spare, spare)
    points = [(x + dx, y + dy) for dx, dy in outline(name, radius, rng.uniform(0, 2 * math.pi))]
    ImageDraw.Draw(image).polygon(points, fill=tuple(color))
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2)))


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "data/images")
    for name in CORNERS:
        rng = random.Random(name)
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(COUNT):
            draw(name, rng).save(folder / name / f"{number:03}.jpg", quality=90)
    print(f"{COUNT} pictures in each of {', '.join(CORNERS)}: {folder}")


if __name__ == "__main__":
    main()
