"""Formats numbers in the same way for figures, the report and the Space."""

from collections.abc import Sequence


def percent(share: float, digits: int = 1) -> str:
    """Formats a share from 0 to 1 as a percentage: 94.3%."""
    return f"{100 * share:.{digits}f}%"


def probability(value: float, digits: int = 0) -> str:
    """Formats a probability as a percentage; only exactly 0 and 1 give 0% and 100%."""
    text, step = percent(value, digits), 10.0**-digits
    if value > 0 and text == percent(0, digits):
        return f"< {step:g}%"
    if value < 1 and text == percent(1, digits):
        return f"> {100 - step:g}%"
    return text


def rate(value: float) -> str:
    """Formats a learning rate with three digits: 0.0123, 1.2e-05."""
    return f"{value:.3g}"


def millions(count: int) -> str:
    """Formats a number of operations with a unit: 379.27M, 5.13K, 12."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if count >= unit:
            return f"{count / unit:.2f}{name}"
    return f"{count}"


def shape(sizes: Sequence[int]) -> str:
    """Formats a shape: 64×32×32."""
    return "×".join(map(str, sizes))


def duration(seconds: float) -> str:
    """Formats a time: 3.9 s, 22 min 5 s, 3 h 20 min."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
