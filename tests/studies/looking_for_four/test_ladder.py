import numpy as np
import pytest
from support.judging import judged, plant, verdicts
from support.random_results import random_results

from jaxinterp.studies.looking_for_four import STUDY, ladder
from jaxinterp.studies.looking_for_four.maps import NAME
from jaxinterp.studies.study import NETWORKS


def rung_number(rung):
    return 1 + rung_number(ladder.BEFORE[rung][0]) if rung in ladder.BEFORE else 0


@pytest.mark.parametrize(("gain", "verdict"), [(0.02, "holds"), (-0.02, "does not hold")])
def test_a_rung_is_compared_with_the_one_before_seed_by_seed(gain, verdict):
    results = random_results(STUDY)
    seeds = np.random.default_rng(1).uniform(0.8, 0.9, 32)  # networks differ by more than rungs do
    for number, rung in enumerate(ladder.RUNGS):
        own = {"recipes": rung, "splits": "test"}  # validation images chose the epoch
        plant(results[NETWORKS]["accuracy"], gain * rung_number(rung), spread=5e-4, seed=number, **own)
        results[NETWORKS]["accuracy"].loc[own] += seeds
    changes = [finding for finding in judged(STUDY, results, "5.1").values() if finding.name != "published"]
    assert len(changes) == len(ladder.BEFORE) and {finding.verdict for finding in changes} == {verdict}


def test_rungs_that_were_not_trained_are_left_out():
    assert [claim.id for claim in ladder.claims(random_results(STUDY, optional=False))] == ["5.1 published"]


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.981, "holds"), (0.95, "does not hold")])
def test_the_published_accuracy(accuracy, verdict):
    results = random_results(STUDY)
    plant(results[NETWORKS]["accuracy"], accuracy, spread=5e-4, recipes=NAME, splits="validation")
    assert verdicts(STUDY, results, "5.1 published") == {verdict}


def test_every_rung_is_compared_with_one_before_it():
    for rung, (before, change) in ladder.BEFORE.items():
        assert ladder.RUNGS.index(before) < ladder.RUNGS.index(rung) and change
