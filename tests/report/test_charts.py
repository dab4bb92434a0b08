import numpy as np
import pytest

from jaxinterp.report import charts

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "most", "ticks"),
    [
        (0.0, 1.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.42, 0.97, 1.0, [0.4, 0.6, 0.8, 1]),
        (1.0, 1.0, 1.0, [0.9998, 1.0]),
        (0.0, 0.0, 1.0, [0, 0.2]),
        (0.0, 0.0, np.inf, [0, 0.2]),
        (0.3, 2.2, np.inf, [0, 0.5, 1, 1.5, 2, 2.5]),
        (0.0, 20.0, np.inf, [0, 5, 10, 15, 20]),
    ],
)
def test_ticks_are_round_hold_the_values_and_stay_shares(low, high, most, ticks):
    found = charts.ticks_around(low, high, most=most)
    assert found == pytest.approx(ticks)
    assert found[0] <= low and found[-1] >= high and min(found) >= 0 and max(found) <= most


def test_a_chart_has_mean_and_middle_of_the_networks_and_leaves_out_what_is_not_known():
    values = np.full((101, 3, 3), NAN)
    values[:, :2, 2] = np.linspace(0, 1, 101)[:, None] * [1.0, 0.5]  # test, after two of three epochs
    values[0, 1, 2] = NAN  # one network stopped
    shown = charts.chart("accuracy", values, 3)
    [(split, line, band, dot)] = shown["lines"]
    left, top, right, bottom = shown["frame"]
    height = bottom - top
    points = [tuple(map(float, point.split(","))) for point in line.split()]
    assert split == "test" and dot is None
    assert points == [
        (left, (top + bottom) / 2),
        ((left + right) / 2, pytest.approx(bottom - 0.2525 * height, abs=0.06)),
    ]
    corners = [tuple(map(float, point.split(",")))[1] for point in band.split()]
    assert corners[0] == pytest.approx(bottom - 0.05 * height, abs=0.1)  # low, low, and back: high, high
    assert corners[3] == pytest.approx(bottom - 0.95 * height, abs=0.1)
    assert shown["now"] == {"test": "0.253 ± 0.145"}
    assert [tick for _, tick in shown["epochs"]] == [1, 2, 3]


def test_one_epoch_is_a_dot_and_none_is_an_empty_chart():
    values = np.full((2, 1, 3), NAN)
    assert charts.chart("loss", values, 1)["lines"] == []
    values[:, 0, 0] = [1, 3]
    [(split, line, _, dot)] = charts.chart("loss", values, 1)["lines"]
    assert (split, line) == ("train", "{},{}".format(*dot))


def test_of_many_epochs_some_are_drawn_and_always_the_last():
    values = np.tile(np.linspace(1, 0, 5000)[None, :, None], (2, 1, 3))
    shown = charts.chart("loss", values, 5000)
    for _, line, _, _ in shown["lines"]:
        assert len(line.split()) == 200
        assert float(line.split()[-1].split(",")[0]) == shown["frame"][2]
