from functools import partial

import jax
import numpy as np
import pytest
from support import planted

from jaxinterp import ensemble, networks, records
from jaxinterp.analysis import patching
from jaxinterp.data import toy as toy_data
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP

EXAMPLES, PIXELS, CLASSES = 8, 9, 4
FIRST, SECOND = 2, 0
MODELS = {
    "relu": MLP((6, 5), CLASSES, dropout=(0.5, 0.5)),
    "norm before": MLP((6, 5), CLASSES, activation="tanh", norm="layer", input_mean=0.3, input_std=0.2),
    "norm after": MLP((6, 5), CLASSES, norm="batch", norm_position="after"),
}


def network(name="relu"):
    return networks.init(jax.random.key(3), MODELS[name], PIXELS)


@pytest.fixture(scope="module")
def twins():
    return np.float32(np.random.default_rng(0).uniform(0, 1, (2, EXAMPLES, PIXELS)))


def units(net, twins, **options):
    return jax.jit(partial(patching.patch_units, first=FIRST, second=SECOND, **options))(net, *twins)


def groups(net, twins, masks, **options):
    return jax.jit(partial(patching.patch_groups, first=FIRST, second=SECOND, **options))(net, *twins, masks)


SITES = [(name, site) for name, model in MODELS.items() for site in networks.sites(model)]


@pytest.mark.parametrize(("name", "site"), SITES)
def test_all_units_restore_everything_and_none_nothing(name, site, twins):
    net = network(name)
    count = net(twins[0])[1][site].shape[-1]
    effects = groups(net, twins, np.stack([np.ones(count, bool), np.zeros(count, bool)]), site=site)
    np.testing.assert_allclose(effects, [1, 0], atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("chunk", [2, 100])
def test_effects_behind_the_last_hidden_layer_are_weights_and_add_up_to_one(name, chunk, twins):
    net = network(name)
    site = networks.sites(net.model)[-2]
    found = units(net, twins, site=site, chunk=chunk)
    (clean_logits, clean), (corrupt_logits, corrupt) = (net(images) for images in twins)
    kernel = net.variables["params"]["output"]["kernel"]
    parts = np.mean(clean[site] - corrupt[site], axis=0) * (kernel[:, FIRST] - kernel[:, SECOND])
    clean_margin, corrupt_margin = (
        np.mean(logits[:, FIRST] - logits[:, SECOND]) for logits in (clean_logits, corrupt_logits)
    )
    np.testing.assert_allclose(found.effect, parts / (clean_margin - corrupt_margin), atol=1e-5)
    np.testing.assert_allclose(np.sum(found.effect), 1, atol=1e-5)
    np.testing.assert_allclose(found[1:], [clean_margin - corrupt_margin, clean_margin, corrupt_margin], atol=1e-5)


def test_effects_are_the_slow_loop_and_a_unit_is_a_group_of_one(twins):
    net = network()
    weights = {name: jax.tree.map(np.float64, layer) for name, layer in net.variables["params"].items()}

    def margin(hidden):
        deeper = np.maximum(hidden @ weights["hidden1"]["kernel"] + weights["hidden1"]["bias"], 0)
        logits = deeper @ weights["output"]["kernel"] + weights["output"]["bias"]
        return np.mean(logits[:, FIRST] - logits[:, SECOND])

    clean, corrupt = (
        np.maximum(images @ weights["hidden0"]["kernel"] + weights["hidden0"]["bias"], 0) for images in twins
    )
    slow = []
    for unit in range(6):
        patched = corrupt.copy()
        patched[:, unit] = clean[:, unit]
        slow.append((margin(patched) - margin(corrupt)) / (margin(clean) - margin(corrupt)))
    found = units(net, twins, site="hidden0/post").effect
    np.testing.assert_allclose(found, slow, atol=1e-5)
    np.testing.assert_allclose(groups(net, twins, np.eye(6, dtype=bool), site="hidden0/post"), found, atol=1e-6)
    assert abs(np.sum(slow) - 1) > 0.01  # further from the logits, effects need not add up


def test_planted_carriers_restore_their_class():
    data = planted.data()
    net = planted.network()
    for label, carriers in ((planted.ALONE_CLASS, [planted.ALONE]), (planted.PAIR_CLASS, list(planted.PAIR))):
        clean = data.images[data.labels == label]
        corrupt = np.where(np.arange(planted.PIXELS) == label, 0, clean)
        expected = np.isin(np.arange(planted.UNITS), carriers) / len(carriers)
        for site in ("hidden0/pre", "hidden0/post", "hidden1/pre", "hidden1/post"):
            patch = jax.jit(partial(patching.patch_units, site=site, first=label, second=planted.DEFAULT))
            found = patch(net, clean, corrupt)
            np.testing.assert_allclose(found.effect, expected, atol=1e-5)


def test_equal_twins_leave_nothing_to_restore(twins):
    found = units(network(), (twins[0], twins[0]), site="hidden0/post")
    assert np.isnan(found.effect).all() and found.total == 0 and found.clean_margin == found.corrupt_margin


def test_the_stroke_of_a_trained_ensemble(trained, toy):
    with_bar = np.flatnonzero(toy[1].test.labels == 1)[:40]
    images = [split.test.images[with_bar] for split in (toy[1], toy_data.strokes().twins)]
    fn = partial(patching.patch_units, site="hidden1/post", first=1, second=0)
    found = jax.jit(ensemble.over_seeds(fn, chunk=2))(trained.networks, *images)
    np.testing.assert_allclose(np.sum(found.effect, axis=1), 1, atol=1e-4)
    assert np.all(found.total > 0)  # the bar is what makes a 1
    sizes = records.to_xarray(found).sizes
    assert dict(sizes) == {"seeds": 5, "units": 6}
    alone = fn(ensemble.take(trained.networks, 3), *images)
    np.testing.assert_allclose(found.effect[3], alone.effect, atol=1e-4)


def test_wrong_questions_are_refused(twins):
    net = network()
    with pytest.raises(InputError, match="no site 'hidden2/post' in this network; it has input"):
        units(net, twins, site="hidden2/post")
    with pytest.raises(InputError, match="masks of 5 units do not fit hidden0/post, which has 6"):
        groups(net, twins, np.eye(5, dtype=bool), site="hidden0/post")
    with pytest.raises(InputError, match=r"one twin, got shapes \(8, 9\) and \(7, 9\)"):
        units(net, (twins[0], twins[1, 1:]), site="hidden0/post")
    with pytest.raises(InputError, match="no class 7"):
        patching.patch_units(net, *twins, site="hidden0/post", first=7, second=0)


def test_a_shift_is_in_units_of_the_spread_on_either_side_of_the_edit():
    rng = np.random.default_rng(0)
    net = networks.init(jax.random.key(0), MLP((PIXELS,), CLASSES, activation="identity"), PIXELS)
    hidden = {"kernel": np.eye(PIXELS, dtype=np.float32), "bias": np.zeros(PIXELS, np.float32)}
    net = net.replace(variables={"params": {**net.variables["params"], "hidden0": hidden}})
    corrupt = rng.uniform(0.4, 0.6, (200, PIXELS)).astype(np.float32)
    corrupt[:, 2] = 0.5
    clean = corrupt + np.float32(0.4) * (np.arange(PIXELS) == 0) + (np.arange(PIXELS) == 2)
    moved = np.asarray(patching.shifts(net, clean.astype(np.float32), corrupt, site="hidden0/post"))
    assert moved[0] == pytest.approx(0.4 / corrupt[:, 0].std(), rel=1e-3) and np.isinf(moved[2])
    np.testing.assert_array_equal(np.delete(moved, [0, 2]), 0)
