import jax
import numpy as np
import pytest
from support.one_vs_seven import findings, network, plant, results

from jaxinterp.analysis.strokes import rows as in_rows
from jaxinterp.studies.one_vs_seven import rows
from jaxinterp.studies.one_vs_seven.rows import CRUCIAL, NEVER, TOP


def test_a_network_that_reads_one_row_flips_with_it():
    kernel = in_rows(28, CRUCIAL, CRUCIAL)[:, None].astype(float)
    output = np.zeros((1, 10))
    output[0, 7] = 1
    reader = network((kernel, np.zeros(1)), (output, 0.5 * (np.arange(10) == 1)))
    sevens = np.zeros((5, 784), np.float32)
    sevens[:3] = 1  # two images without ink are never read as a 7
    found = jax.jit(rows.erase_rows)(reader, sevens, sevens[:4])
    steps = np.arange(29)
    np.testing.assert_array_equal(found.as_seven, [steps <= CRUCIAL, steps < 28 - CRUCIAL])
    np.testing.assert_array_equal(found.flips[0], [*(np.arange(28) == CRUCIAL), 0])
    np.testing.assert_array_equal(found.fewest, [CRUCIAL + 1, 28 - CRUCIAL])
    np.testing.assert_array_equal(found.window_covers, np.arange(28) == CRUCIAL)
    assert (found.window, found.window_none, found.bisection_wrong) == (1, 0, 0)


@pytest.mark.parametrize(
    ("id_", "field", "where", "yes", "no"),
    [
        (f"1.5 row {CRUCIAL}", "flips", {"directions": TOP, "last_rows": CRUCIAL}, 0.8, 1 / 28),
        ("1.5 search", "bisection_wrong", {}, 0.01, 0.2),
    ],
)
def test_verdicts_follow_the_numbers(id_, field, where, yes, no):
    for level, expected in ((yes, "holds"), (no, "does not hold")):
        found = findings(plant(results(), "rows", field, level, **where))[id_]
        assert found.verdict == expected
    if where:
        assert found.control.mean == pytest.approx(1 / 28) and found.score.mean == pytest.approx(0, abs=1e-6)


def test_the_usual_row_is_one_of_the_image():
    values = results()
    values["rows"]["flips"][:] = 0.01
    plant(values, "rows", "flips", 0.3, directions=TOP, last_rows=9)
    plant(values, "rows", "flips", 0.5, directions=TOP, last_rows=NEVER)
    note = findings(values)[f"1.5 row {CRUCIAL}"].note
    assert "Most often it is row 9 (0.300 of the 7s)" in note and "Never from the top: 0.500" in note
    assert f"rows {CRUCIAL - 1} to {CRUCIAL + 1} together 0.030" in note
