from cifarlens.report.page import chance


def test_a_chance_is_never_rounded_to_certainty() -> None:
    words = [chance(share) for share in (0, 0.004, 0.006, 0.5, 0.994, 0.996, 1)]
    assert words == ["0%", "< 1%", "1%", "50%", "99%", "> 99%", "100%"]
