import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import toy_inputs
from support.one_vs_seven import findings, plant, results, verdict

from jaxinterp import networks
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP
from jaxinterp.studies.one_vs_seven import knockouts
from jaxinterp.studies.one_vs_seven.common import LAST, NAME
from jaxinterp.studies.one_vs_seven.knockouts import (
    ALL,
    CLASSES,
    GROUPS,
    KINDS,
    MATCHED,
    PUBLISHED,
    RANDOM,
    SHOWN,
    THRESHOLDS,
    answer,
)

RNG = np.random.default_rng(0)
LABELS = np.tile([1, 7], 40).astype(np.int32)
IMAGES = (RNG.uniform(size=(80, 9)) + 0.6 * (LABELS[:, None] == 7) * RNG.normal(size=9)).astype(np.float32)
CHOOSING = Dataset(np.concatenate([IMAGES[0::4], IMAGES[1::4]]), np.concatenate([LABELS[0::4], LABELS[1::4]]))
SCORING = Dataset(np.concatenate([IMAGES[2::4], IMAGES[3::4]]), np.concatenate([LABELS[2::4], LABELS[3::4]]))
MODEL = MLP((12, 10), 10, initializer="torch")
NETWORK = networks.init(jax.random.key(0), MODEL, 9)
SHARES = np.linspace(0.9, 0.1, 9)
run = jax.jit(knockouts.knock_outs)


@pytest.fixture(scope="module")
def found():
    return run(NETWORK, CHOOSING, SCORING, jax.random.key(1), False, SHARES)


def test_chosen_units_are_ablated_on_the_other_half(found):
    difference = np.asarray(knockouts.difference(NETWORK, CHOOSING))
    chosen = np.abs(difference) > THRESHOLDS[:, None]
    masks = np.stack([chosen, chosen & (difference > 0), chosen & (difference < 0)])
    np.testing.assert_array_equal(found.units, masks.sum(axis=-1))
    fill_key = jax.random.split(jax.random.key(1))[1]
    for kind, accuracy in zip(KINDS, np.moveaxis(found.chosen, -2, 0), strict=True):
        flat = masks.reshape(-1, masks.shape[-1])
        expected = ablation.groups(NETWORK, SCORING, flat, site=LAST, kind=kind, key=fill_key).accuracy[:, [1, 7]]
        np.testing.assert_allclose(accuracy, expected.reshape(3, 9, 2), atol=1e-6, err_msg=kind)
    right = np.asarray(jnp.argmax(NETWORK(SCORING.images)[0], axis=-1) == SCORING.labels)
    np.testing.assert_allclose(found.intact, [right[SCORING.labels == label].mean() for label in (1, 7)], atol=1e-6)


def test_drawn_groups_lie_between_their_ends(found):
    drawn = found.drawn.mean(axis=-1)
    assert (found.low <= drawn + 1e-6).all() and (drawn <= found.high + 1e-6).all()
    shown = drawn[:, np.argmax(THRESHOLDS == SHOWN)]
    np.testing.assert_allclose(found.by_draw.mean(axis=-1), shown, atol=1e-6)
    taken = np.asarray(found.units[0]) / NETWORK.model.widths[-1]
    np.testing.assert_allclose(found.overlap[0][taken == 1], 1)
    np.testing.assert_allclose(found.overlap[0][taken > 0], taken[taken > 0], atol=0.1)  # as many at random
    everything = taken == 1
    expected = np.broadcast_to(found.intact, (everything.sum(), 3, 2))
    np.testing.assert_allclose(found.apart[0][everything], expected, atol=1e-6)


def test_a_share_of_the_units_is_chosen_where_thresholds_are_not(found):
    by_share = run(NETWORK, CHOOSING, SCORING, jax.random.key(1), True, SHARES)
    np.testing.assert_array_equal(by_share.units[0], np.round(10 * SHARES))
    assert (by_share.units[0] != found.units[0]).any()


def test_shares_are_those_of_the_main_networks_that_did_not_diverge():
    kept = networks.init(jax.random.key(2), MODEL, 9)
    ensemble = jax.tree.map(lambda *leaves: jnp.stack(leaves), NETWORK, kept, jax.tree.map(lambda x: x * jnp.nan, kept))
    inputs = toy_inputs.unread(NAME)
    history = type("History", (), {"diverged": np.array([0, 0, 1])})
    splits = Splits(CHOOSING, CHOOSING, Dataset(np.repeat(CHOOSING.images, 2, 0), np.repeat(CHOOSING.labels, 2)))
    own = type(inputs)(NAME, inputs.path, inputs.run._replace(networks=ensemble, history=history), splits)
    [shares] = knockouts.shares_of_main({NAME: own})
    expected = [np.abs(knockouts.difference(network, CHOOSING)) > THRESHOLDS[:, None] for network in (NETWORK, kept)]
    np.testing.assert_allclose(shares, np.mean(expected, axis=(0, 2)))


@pytest.mark.parametrize("name", CLASSES)
def test_the_accuracy_on_a_class_is_the_published_one_or_not(name):
    [other] = set(CLASSES) - {name}
    for threshold, yes, no in ((0.1, 0.05, 0.5), (0.3, 0.6, 0.3), (0.5, 0.9, 0.5)):
        where = {"recipes": NAME, "thresholds": threshold, "signs": ALL, "kinds": "zero"}
        for level, elsewhere, expected in ((yes, no, "holds"), (no, yes, "does not hold")):
            values = plant(results(), "knockouts", "chosen", level, classes=name, **where)
            plant(values, "knockouts", "chosen", elsewhere, classes=other, **where)
            assert verdict(values, f"1.8 {threshold:g} on {name}s") == expected


def test_the_published_curve_may_be_that_of_sevens():
    where = {"recipes": NAME, "signs": ALL, "kinds": "zero"}
    for of_sevens, of_ones, expected in ((PUBLISHED, 0.95, "holds"), (0.95, PUBLISHED, "does not hold")):
        values = plant(results(), "knockouts", "chosen", of_sevens, classes="7", **where)
        plant(values, "knockouts", "chosen", of_ones, classes="1", **where)
        assert verdict(values, "1.8 on 7s") == expected


def test_a_class_that_is_lost_counts_as_much_as_the_other_however_few_its_images(found):
    few = Dataset(np.concatenate([SCORING.images, *[SCORING.images[:20]] * 4]), np.append(SCORING.labels, [1] * 80))
    again = run(NETWORK, CHOOSING, few, jax.random.key(1), False, SHARES)
    zero = KINDS.index("zero")  # other kinds fill in what the images have on average
    np.testing.assert_allclose(again.chosen[:, :, zero], found.chosen[:, :, zero], atol=1e-6)


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
