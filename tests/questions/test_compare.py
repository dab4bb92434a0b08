import dataclasses

import jax
import numpy as np
import pytest
from support import planted, planted_runs

from jaxinterp import networks
from jaxinterp.analysis import similarity
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.questions import compare
from jaxinterp.questions.compare import MEASURES, SAME_SEED, WITHIN

DRAWN = tuple(map(planted_runs.drawn, range(4)))


@pytest.fixture(scope="module")
def first():
    return planted_runs.run(*DRAWN, path="first")


def row(found, *where):
    """The one row with these values of first, second, layer, measure and pairs."""
    [own] = [own for own in found.likeness if own[:5] == where]
    return own


def test_a_copy_with_permuted_units_is_the_same_run(first):
    copy = planted_runs.run(*map(planted_runs.permuted, DRAWN), path="copy")
    found = compare.answer([first, copy])
    assert found.images == 200 and found.notes == ()
    for layer in ("hidden0", "hidden1", "logits"):
        same = row(found, "first", "copy", layer, MEASURES[0], SAME_SEED)
        assert same.observed.mean == pytest.approx(1, abs=1e-4) and same.observed.n == 4
        within, between = (row(found, name, name, layer, MEASURES[0], WITHIN) for name in ("first", "copy"))
        assert within.observed.mean == pytest.approx(between.observed.mean, abs=1e-5)
    [own, other] = found.accuracies
    assert own.difference is None and other.difference.mean == pytest.approx(0, abs=1e-6) and other.difference.n == 4


def test_values_are_those_of_a_loop_over_pairs(first):
    second = planted_runs.run(*(planted_runs.drawn(10 + n) for n in range(3)), path="second", base_seed=9)
    found = compare.answer([first, second])
    images = first.sample.images

    def read(network):
        return np.asarray(network(images)[1]["hidden1/post"])[None]

    own, others = (
        [read(network) for network in networks] for networks in (DRAWN, [planted_runs.drawn(10 + n) for n in range(3)])
    )
    cka = similarity.MEASURES["debiased_cka"]
    pairs = [[float(similarity.all_pairs(cka, x, y)[0, 0]) for y in others] for x in own]
    between = row(found, "first", "second", "hidden1", MEASURES[0], WITHIN)
    assert between.observed.mean == pytest.approx(np.mean(pairs), abs=1e-5) and between.observed.n == 7
    alone = [float(similarity.all_pairs(cka, own[i], own[j])[0, 0]) for i in range(4) for j in range(i)]
    assert row(found, "first", "first", "hidden1", MEASURES[0], WITHIN).observed.mean == pytest.approx(
        np.mean(alone), abs=1e-5
    )
    low, high = between.observed.low, between.observed.high
    assert low < between.observed.mean < high
    assert found.notes == ("second: its seeds do not pair with those of first, so that no difference is paired",)
    assert found.accuracies[1].difference is None


def test_untrained_networks_are_no_more_alike_than_their_null():
    """Their twins are themselves, so that the score of what is beyond them is 0."""
    run = planted_runs.run(*(planted_runs.drawn(n) for n in range(4)))
    untrained = dataclasses.replace(run, run=run.run._replace(networks=run.untrained))
    for own in compare.answer([untrained]).likeness:
        assert own.observed.mean == pytest.approx(own.untrained.mean, abs=1e-5)
        assert own.score.mean <= 1e-5


def test_matched_units_are_those_of_the_analysis(first):
    """A copy matches itself perfectly, and shuffled images leave what the class explains."""
    same = row(
        compare.answer([first, planted_runs.run(*DRAWN, path="copy")]),
        "first",
        "copy",
        "hidden0",
        MEASURES[1],
        SAME_SEED,
    )
    assert same.observed.mean == pytest.approx(1, abs=1e-4) and same.shuffled.mean < 0.9


def test_planted_networks_share_more_than_chance():
    own = planted.network()
    run = planted_runs.run(own, planted_runs.permuted(own), planted_runs.permuted(own, planted_runs.ORDER[::-1]))
    found = compare.answer([run])
    for measure in MEASURES:
        alike = row(found, "mine", "mine", "hidden0", measure, WITHIN)
        assert alike.score.mean == pytest.approx(1, abs=1e-3) and alike.observed.n == 3


def test_one_network_has_nothing_within_it(first):
    alone = planted_runs.run(planted.network(), path="alone", recipe="imported")
    found = compare.answer([first, alone])
    assert not [own for own in found.likeness if own.first == own.second == "alone"]
    between = row(found, "first", "alone", "logits", MEASURES[0], WITHIN)
    assert np.isfinite(between.observed.mean) and np.isnan(between.observed.low) and np.isnan(between.score.low)
    assert found.notes[0] == "alone: no pairs within it and no interval: one network"
    assert "do not pair" in found.notes[1]


def test_networks_that_diverged_are_left_out():
    run = planted_runs.run(*DRAWN, diverged=[2])
    for own in compare.answer([run]).likeness:
        assert own.observed.n == 3


def test_layers_that_only_one_run_has_are_named(first):
    shallow = networks.build(ModelConfig((5,), outputs=4))
    made = [networks.init(jax.random.key(n), shallow, planted.PIXELS) for n in range(3)]
    found = compare.answer([first, planted_runs.run(*made, path="shallow")])
    between = {own.layer for own in found.likeness if own.first != own.second}
    assert between == {"hidden0", "logits"} and "first: hidden1 is in no other run" in found.notes


def test_other_data_are_refused(first):
    other = planted_runs.run(*DRAWN, path="other", data=planted.data(seed=5))
    with pytest.raises(InputError, match="first and other cannot be compared: their test images or labels differ; use"):
        compare.answer([first, other])
    cropped = dataclasses.replace(
        other,
        run=other.run._replace(
            config=dataclasses.replace(other.config, data=dataclasses.replace(other.config.data, crop=2))
        ),
    )
    with pytest.raises(InputError, match=r"differ \(data.crop is None and 2\)"):
        compare.answer([first, cropped])
    with pytest.raises(InputError, match="name one run or more"):
        compare.answer([])
