"""Reads the HTML that the Space's tabs answer with."""

import re


def names(html: str) -> list[str]:
    """Class names next to the bars."""
    return re.findall(r'<span class="name">(.*?)</span>', html)


def heat_maps(html: str) -> list[str]:
    """Addresses of the heat maps over pictures."""
    return re.findall(r'class="heat" src="(.*?)"', html)


def raw_maps(html: str) -> list[str]:
    """Addresses of the heat maps beside pictures."""
    return re.findall(r'class="raw" src="(.*?)"', html)
