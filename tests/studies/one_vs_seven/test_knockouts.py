import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import toy_inputs
from support.one_vs_seven import plant, results, verdict

from jaxinterp import networks
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP
from jaxinterp.studies.one_vs_seven import knockouts
from jaxinterp.studies.one_vs_seven.common import LAST, NAME
from jaxinterp.studies.one_vs_seven.knockouts import ALL, KINDS, PUBLISHED, SHOWN, THRESHOLDS

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
    for kind, accuracy in zip(KINDS, np.moveaxis(found.chosen, -1, 0), strict=True):
        flat = masks.reshape(-1, masks.shape[-1])
        expected = ablation.groups(NETWORK, SCORING, flat, site=LAST, kind=kind, key=fill_key).accuracy[:, [1, 7]]
        np.testing.assert_allclose(accuracy, expected.mean(axis=1).reshape(3, 9), atol=1e-6, err_msg=kind)
    np.testing.assert_allclose(found.by_class.mean(axis=-1), found.chosen[0], atol=1e-6)
    right = jnp.argmax(NETWORK(SCORING.images)[0], axis=-1) == SCORING.labels
    assert found.intact == pytest.approx(float(right.mean()))


def test_drawn_groups_lie_between_their_ends(found):
    assert (found.low <= found.drawn + 1e-6).all() and (found.drawn <= found.high + 1e-6).all()
    shown = found.drawn[:, np.argmax(THRESHOLDS == SHOWN)]
    np.testing.assert_allclose(found.by_draw.mean(axis=-1), shown, atol=1e-6)
    taken = np.asarray(found.units[0]) / NETWORK.model.widths[-1]
    np.testing.assert_allclose(found.overlap[0][taken == 1], 1)
    np.testing.assert_allclose(found.overlap[0][taken > 0], taken[taken > 0], atol=0.1)  # as many at random
    everything = taken == 1
    np.testing.assert_allclose(found.apart[0][everything], np.full((everything.sum(), 3), found.intact), atol=1e-6)


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


def test_the_accuracy_is_the_published_one_or_not():
    for threshold, yes, no in ((0.1, 0.05, 0.5), (0.3, 0.6, 0.3), (0.5, 0.9, 0.5)):
        where = {"recipes": NAME, "thresholds": threshold, "signs": ALL, "kinds": "zero"}
        for level, expected in ((yes, "holds"), (no, "does not hold")):
            assert verdict(plant(results(), "knockouts", "chosen", level, **where), f"1.8 {threshold:g}") == expected


def test_the_published_curve_may_be_that_of_sevens():
    for of_sevens, of_all, expected in ((PUBLISHED, 0.95, "holds"), (0.95, PUBLISHED, "does not hold")):
        values = plant(results(), "knockouts", "by_class", of_sevens, recipes=NAME, kinds="zero", classes="7")
        plant(values, "knockouts", "chosen", of_all, recipes=NAME, signs=ALL, kinds="zero")
        assert verdict(values, "1.8 on 7s") == expected
