"""Numbers as people read them. The same words in figures, the report and the Space."""

from collections.abc import Sequence


def percent(share: float, digits: int = 1) -> str:
    """A share from 0 to 1: 94.3%."""
    return f"{100 * share:.{digits}f}%"


def probability(value: float, digits: int = 0) -> str:
    """A probability from 0 to 1, in percent; never 0% or 100% for a value that is neither."""
    text, step = percent(value, digits), 10.0**-digits
    if value > 0 and text == percent(0, digits):
        return f"< {step:g}%"
    if value < 1 and text == percent(1, digits):
        return f"> {100 - step:g}%"
    return text


def rate(value: float) -> str:
    """A learning rate in few digits: 0.0123, 1.2e-05."""
    return f"{value:.3g}"


def millions(count: int) -> str:
    """A number of operations in few digits: 379.27M, 5.1K, 12."""
    for unit, name in ((10**9, "G"), (10**6, "M"), (10**3, "K")):
        if count >= unit:
            return f"{count / unit:.2f}{name}"
    return f"{count}"


def shape(sizes: Sequence[int]) -> str:
    """A shape: 64×32×32."""
    return "×".join(map(str, sizes))


def duration(seconds: float) -> str:
    """A time: 3.9 s, 22 min 5 s, 3 h 20 min."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
