import numpy as np
import pytest
import xarray as xr
from support.one_vs_seven import findings, plant, results

from jaxinterp.studies.one_vs_seven.knockouts import GROUPS, MATCHED, RANDOM
from jaxinterp.studies.one_vs_seven.number_or_identity import answer, not_by_number

FIRST = {"thresholds": 0.1}


def knocked(chosen, random, matched=None, apart=None):
    """Results in which the chosen units' knock-out leaves `chosen`, and random and matched ones leave others.

    apart: what the drawn units that were not chosen leave, by themselves; the same as all of them by default.
    """
    values = plant(plant(results(), "knockouts", "intact", 0.99), "knockouts", "chosen", chosen)
    for group, drawn in zip(GROUPS, (random, random if matched is None else matched), strict=True):
        plant(values, "knockouts", "drawn", drawn, groups=group)
        plant(values, "knockouts", "apart", drawn if apart is None else apart, groups=group)
    return values


def test_the_share_is_0_for_number_alone_and_1_for_identity_alone():
    chosen, drawn = (xr.DataArray(x, dims="seeds") for x in ([0.4, 0.4, 0.4, 0.1, -0.1], [0.0, 0.4, 0.1, 0.4, -0.2]))
    np.testing.assert_allclose(not_by_number(chosen, drawn), [1, 0, 0.75, -0.75, np.nan])
    np.testing.assert_allclose(not_by_number(chosen, drawn), -not_by_number(drawn, chosen))


@pytest.mark.parametrize(
    ("chosen", "random", "matched", "by_random", "by_matched", "word"),
    [
        (0.5, 0.98, 0.98, "holds", "holds", "is due to which"),
        (0.5, 0.98, 0.52, "holds", "does not hold", "is due to which"),
        (0.5, 0.51, 0.51, "does not hold", "does not hold", "is due to how many"),
        (0.9, 0.5, 0.5, "does not hold", "does not hold", "is due to how many"),
        (0.97, 0.98, 0.98, "undecided", "undecided", "No ablation costs enough"),
    ],
    ids=["identity", "identity by activation", "number", "others cost more", "no drop"],
)
def test_number_or_identity(chosen, random, matched, by_random, by_matched, word):
    found = findings(knocked(chosen, random, matched))
    for row in ("1.9 zero", "1.9 mean", "1.9 resample", "1.11 plain", "1.11 small"):
        assert found[f"{row}, random"].verdict == by_random
        assert found[f"{row}, matched"].verdict == by_matched
    assert word in answer(found) and len(answer(found).split()) <= 30


def test_the_answer_says_when_ablations_disagree():
    values = knocked(0.5, 0.98)
    for field in ("drawn", "apart"):
        plant(values, "knockouts", field, 0.5, groups=RANDOM, kinds="mean")
    sentence = answer(findings(values))
    assert "by 2 of 3 ablations, how many by 1: random neurons leave 0.98 (zero), 0.00 (mean), 0.98" in sentence
    assert len(sentence.split()) <= 30


def test_only_thresholds_that_cost_something_count():
    """Number alone explains a drop of three points at most thresholds, identity one of forty at the first."""
    values = plant(knocked(0.96, 0.96), "knockouts", "chosen", 0.59, **FIRST)
    for field in ("drawn", "apart"):
        plant(values, "knockouts", field, 0.99, **FIRST)
    found = findings(values)["1.9 zero, random"]
    assert found.verdict == "holds" and found.score.mean == pytest.approx(1, abs=0.01)
    assert found.measured.mean == pytest.approx(0.59, abs=1e-6) and "Thresholds counted: 1.0 of 9" in found.note


def test_a_drop_of_the_random_groups_alone_counts_against_identity():
    values = knocked(0.96, 0.96)
    for field in ("drawn", "apart"):
        plant(values, "knockouts", field, 0.59, **FIRST)
    found = findings(values)["1.9 zero, random"]
    assert found.verdict == "does not hold" and found.score.mean < -0.9


def test_chosen_units_among_the_drawn_leave_it_undecided():
    """Drawn groups cost as much as the chosen units, but only by those of them that are chosen."""
    found = findings(knocked(0.5, 0.5, apart=0.98))["1.9 zero, matched"]
    assert found.verdict == "undecided" and found.score.low < 0.1 and found.score.high > 0.9
    assert found.control_name == f"as many units, {MATCHED}"
    assert findings(knocked(0.5, 0.98, apart=0.98))["1.9 zero, matched"].verdict == "holds"
