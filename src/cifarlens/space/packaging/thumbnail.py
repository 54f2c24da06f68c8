"""Draws the picture that stands for the Space in lists and links, without images of the dataset."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...display.formats import percent
from ...display.heatmap import heat_colours
from ..app import about
from ..app.contents import Contents

SIZE = (1200, 630)  # pixels, the usual size of a link's preview
MARGIN, GAP = 80, 40  # beside and between the lines
BACKGROUND, TILE, TEXT, ACCENT = "#0b1120", "#141d31", "#f1f5f9", "#a5b4fc"  # the page's dark mode
CELLS = 14  # per side of the heat map
SIDE = CELLS * 30  # of the heat map
PEAK = (0.62, 0.38)  # place of the heat map's maximum, as in the page's logo
WIDTH = SIZE[0] - 3 * MARGIN - SIDE  # of the text


def draw_thumbnail(contents: Contents) -> Image.Image:
    """Returns a picture with the demo's name, the accuracy and a heat map."""
    card = contents.card
    lines = (
        (about.subject(contents), 88, TEXT),
        ("classifier, explained", 50, TEXT),
        (f"{percent(card.test['accuracy'], 2)} accuracy", 36, ACCENT),
        ("predictions · heat maps · tests of the maps", 36, ACCENT),
    )
    image = Image.new("RGB", SIZE, BACKGROUND)
    draw = ImageDraw.Draw(image)
    y = top = (SIZE[1] - SIDE) // 2
    for text, size, colour in lines:
        font = ImageFont.load_default(size)
        if (length := font.getlength(text)) > WIDTH:
            font = ImageFont.load_default(size * WIDTH / length)
        y += size
        draw.text((MARGIN, y), text, colour, font, anchor="ls")
        y += GAP
    tile = Image.new("RGBA", (SIDE, SIDE), TILE)
    heat = Image.fromarray(_heat()).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    image.paste(Image.alpha_composite(tile, heat), (SIZE[0] - MARGIN - SIDE, top))
    return image


def _heat() -> np.ndarray:
    """Returns the colours of the heat map's cells, uint8 RGBA."""
    y, x = (np.mgrid[:CELLS, :CELLS] + 0.5) / CELLS
    distance = np.hypot(x - PEAK[0], y - PEAK[1])
    return heat_colours((1 - distance / 0.66).clip(0, 1))
