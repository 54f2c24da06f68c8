from cifarlens.display.formats import duration, millions, percent, probability, rate, shape


def test_percent() -> None:
    assert (percent(0.9431), percent(0.9431, 2), percent(1, 0)) == ("94.3%", "94.31%", "100%")


def test_a_probability_is_never_rounded_to_certainty() -> None:
    words = [probability(share) for share in (0, 0.004, 0.006, 0.5, 0.994, 0.996, 1)]
    assert words == ["0%", "< 1%", "1%", "50%", "99%", "> 99%", "100%"]
    assert (probability(1e-6, 1), probability(1 - 1e-6, 1)) == ("< 0.1%", "> 99.9%")


def test_rates() -> None:
    assert [rate(value) for value in (0.0123, 1.2e-05, 0.02)] == ["0.0123", "1.2e-05", "0.02"]


def test_operations_and_shapes() -> None:
    counts = [millions(count) for count in (0, 999, 5_130, 379_266_442, 1_159_419_530)]
    assert counts == ["0", "999", "5.13K", "379.27M", "1.16G"]
    assert [shape((64, 32, 32)), shape((10,))] == ["64×32×32", "10"]


def test_times() -> None:
    words = [duration(seconds) for seconds in (0.04, 59.94, 59.96, 1325.4, 3599.6, 12_000)]
    assert words == ["0.0 s", "59.9 s", "1 min 0 s", "22 min 5 s", "1 h 0 min", "3 h 20 min"]
