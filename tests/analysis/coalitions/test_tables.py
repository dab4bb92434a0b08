import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted_cnn
from support.coalition_networks import CLASSES, DATA, EXAMPLES, PIXELS, UNITS, random_network

from jaxinterp import ensemble, metrics, networks
from jaxinterp.analysis import ablation, coalitions, directions
from jaxinterp.analysis.coalitions import tables
from jaxinterp.errors import InputError
from jaxinterp.interventions import ablate
from jaxinterp.networks import EXACT, MLP

KEY = jax.random.key(5)
NETWORKS = {"plain": random_network(), "normed": random_network(4, norm="layer", norm_position="after")}
of = jax.jit(coalitions.table, static_argnames=("kind", "chunk"))


def brute_force(network, data, masks, *, kind="zero", key=None):
    """What a table has, of some coalitions, by running the network with an intervention for each."""
    site = networks.sites(network.model)[-2]
    activations, labels = network(data.images)[1][site], jnp.asarray(data.labels)
    classes = network.model.outputs
    fill = ablation.fill(kind, activations, labels, classes=classes, key=key)

    def one(kept):
        logits = network(data.images, {site: ablate(~kept, fill)})[0]
        predicted = jax.nn.one_hot(jnp.argmax(logits, axis=-1), classes)
        members = jax.nn.one_hot(labels, classes)
        means = metrics.by_class(
            jnp.stack([metrics.margins(logits, labels), metrics.losses("cross_entropy", logits, labels)]),
            labels,
            classes=classes,
        )
        return jnp.stack([jnp.sum(predicted * members, axis=0), jnp.sum(predicted, axis=0), *means])

    return np.moveaxis(np.asarray(jax.jit(jax.vmap(one))(masks)), 0, -1)


@pytest.mark.parametrize("kind", ablation.KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_coalition_is_the_network_with_an_intervention(name, kind):
    keys = jax.random.split(KEY, 1)
    found = of(NETWORKS[name], DATA, kind=kind, keys=keys)
    expected = brute_force(NETWORKS[name], DATA, ablation.subsets(UNITS), kind=kind, key=keys[0])
    np.testing.assert_array_equal(found.hits, expected[0])
    np.testing.assert_array_equal(found.predicted, expected[1])
    np.testing.assert_allclose(found.margin, expected[2], atol=2e-5)
    np.testing.assert_allclose(found.loss, expected[3], atol=2e-5)
    np.testing.assert_array_equal(found.count, [17, 17, 16, 0])
    assert np.std(expected[0], axis=-1)[:3].max() > 0 and np.isnan(found.margin[3]).all()


def test_neurons_behind_convolutions_have_coalitions_too():
    network, data = planted_cnn.network(), planted_cnn.data()
    units = network.model.layers[-1].units
    found = of(network, data)
    expected = brute_force(network, data, ablation.subsets(units))
    np.testing.assert_array_equal(found.hits, expected[0])
    np.testing.assert_allclose(found.loss, expected[3], atol=2e-5)


# Not "resample": a layer that drawn replacements silence has logits that differ by rounding.
@pytest.mark.parametrize("kind", ["zero", "mean", "class mean"])
@pytest.mark.parametrize("bias", [0.0, 0.3])
def test_silent_coalitions_predict_what_the_network_does_without_any_unit(bias, kind):
    network = networks.init(jax.random.key(2), MLP((7, UNITS), CLASSES), PIXELS)  # untrained: without biases
    network = network.replace(variables=jax.tree.map(lambda leaf: leaf + bias * (leaf.ndim == 1), network.variables))
    found, expected = of(network, DATA, kind=kind), brute_force(network, DATA, ablation.subsets(UNITS), kind=kind)
    np.testing.assert_array_equal(found.hits, expected[0])
    np.testing.assert_array_equal(found.predicted, expected[1])
    np.testing.assert_allclose(found.margin, expected[2], atol=2e-5)
    np.testing.assert_allclose(found.loss, expected[3], atol=2e-5)
    if kind == "zero":
        rotated = of(network, DATA, basis=directions.random_bases(KEY, UNITS, draws=1)[0])
        for table in (found, rotated):  # of equal logits, the first class
            assert table.predicted[:, 0].tolist() == [EXAMPLES, 0, 0, 0] and not table.margin[:3, 0].any()


def added_up(values):
    """Means over each class of values "examples subsets", in the order in which a table adds them up."""
    members = np.asarray(DATA.labels) == np.arange(CLASSES)[:, None]
    chunks = jnp.arange(-(-EXAMPLES // tables.CHUNK) * tables.CHUNK).reshape(-1, tables.CHUNK)

    def step(total, rows):
        own = jnp.asarray(members)[:, rows % EXAMPLES] & (rows < EXAMPLES)
        return total + jnp.matmul(own.astype(values.dtype), values[rows % EXAMPLES], precision=EXACT), None

    total, _ = jax.lax.scan(step, jnp.zeros((CLASSES, values.shape[1]), values.dtype), chunks)
    return total / np.where(members.any(axis=1), members.sum(axis=1), np.nan)[:, None].astype(values.dtype)


@pytest.mark.parametrize("kind", ["zero", "mean", "class mean"])
def test_without_one_unit_it_is_the_ablation_of_that_unit(kind):
    network = NETWORKS["plain"]
    found = of(network, DATA, kind=kind)
    without = 2**UNITS - 1 - 2 ** np.arange(UNITS)
    alone = ablation.units(network, DATA, site="hidden1/post", kind=kind)
    np.testing.assert_array_equal(coalitions.recall(found)[:, without].T, alone.accuracy)
    np.testing.assert_allclose(found.margin[:, without].T, alone.margin, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.loss[:, without].T, alone.loss, rtol=1e-6, atol=1e-6)
    # Without jit, which fuses products and sums, margins have the same bits on all images: added up alike, means too.
    by_image = ablation.units(network, DATA, site="hidden1/post", kind=kind, measure=metrics.margins)
    same = coalitions.table(network, DATA, kind=kind).margin[:, without]
    every = jnp.zeros((EXAMPLES, 2**UNITS)).at[:, without].set(by_image.T)
    np.testing.assert_array_equal(same, added_up(every)[:, without])
    whole = ablation.baseline(network, DATA)
    np.testing.assert_array_equal(coalitions.intact(coalitions.recall(found)), whole.accuracy)
    np.testing.assert_allclose(coalitions.intact(found.margin), whole.margin, rtol=1e-6, atol=1e-6)


def test_chunks_and_draws_change_only_the_order_of_sums():
    keys = jax.random.split(KEY, 3)
    together = of(NETWORKS["plain"], DATA, kind="resample", keys=keys)
    parts = [of(NETWORKS["plain"], DATA, kind="resample", keys=keys[n : n + 1], chunk=7) for n in range(3)]
    for whole, *own in zip(together, *parts, strict=True):
        np.testing.assert_allclose(whole, np.mean(own, axis=0), atol=1e-5)


def test_seeds_share_one_program():
    many = ensemble.stack([NETWORKS["plain"], random_network(2)])
    lifted = jax.jit(ensemble.over_seeds(lambda network, data: coalitions.f1(coalitions.table(network, data)), chunk=2))
    found = lifted(many, DATA)
    assert found.shape == (2, CLASSES, 2**UNITS)
    np.testing.assert_allclose(found[0], coalitions.f1(of(NETWORKS["plain"], DATA)), atol=1e-6)


def test_values_are_those_of_the_confusion_matrix():
    found = of(NETWORKS["plain"], DATA)
    assert found.hits.sum() > 0 and (found.predicted.sum(axis=0) == EXAMPLES).all()
    for subset in (0, 21, 63):
        hits, predicted = np.asarray(found.hits)[:3, subset], np.asarray(found.predicted)[:3, subset]
        count = np.asarray(found.count)[:3]
        wrong = np.where(predicted > 0, hits / np.maximum(predicted, 1), np.nan), hits / count
        np.testing.assert_allclose(coalitions.precision(found)[:3, subset], wrong[0], rtol=1e-6)
        np.testing.assert_allclose(coalitions.recall(found)[:3, subset], wrong[1], rtol=1e-6)
        harmonic = 2 * hits / (count + predicted)
        np.testing.assert_allclose(coalitions.f1(found)[:3, subset], harmonic, rtol=1e-6)
        assert float(coalitions.accuracy(found)[subset]) == pytest.approx(hits.sum() / EXAMPLES)
    assert np.isnan(coalitions.f1(found)[3]).all() and np.isnan(coalitions.recall(found)[3]).all()


def test_a_rotation_changes_parts_and_not_the_whole():
    basis = directions.random_bases(KEY, UNITS, draws=1)[0]
    own, rotated = (of(NETWORKS["plain"], DATA, basis=matrix) for matrix in (jnp.eye(UNITS), basis))
    plain = of(NETWORKS["plain"], DATA)
    np.testing.assert_array_equal(own.hits, plain.hits)
    for ends in (0, -1):  # none and all of the directions are none and all of the units
        np.testing.assert_allclose(rotated.margin[:3, ends], plain.margin[:3, ends], atol=1e-5)
    assert float(jnp.abs(rotated.margin - plain.margin)[:3].max()) > 0.01
    # A direction of a basis is left out as `directions` leaves it out.
    values = NETWORKS["plain"](DATA.images)[1]["hidden1/post"]
    right = directions.replaced(
        NETWORKS["plain"],
        DATA.images,
        jnp.zeros((1, *values.shape)),
        basis,
        site="hidden1/post",
        measure=lambda logits: metrics.by_class(
            metrics.correct("cross_entropy", logits, DATA.labels), DATA.labels, classes=CLASSES
        ),
        chunk=8,
    )[0]
    without = 2**UNITS - 1 - 2 ** np.arange(UNITS)
    np.testing.assert_allclose(coalitions.recall(rotated)[:3, without].T, right[:, :3], atol=1e-6)


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        (networks.init(KEY, MLP((21,), 3), PIXELS), {}, r"2\^21 coalitions are too many .* at most 20 units"),
        (networks.init(KEY, MLP((4,), 1), PIXELS), {}, "give the network 2 outputs"),
        (NETWORKS["plain"], {"kind": "melt"}, "no ablation 'melt'"),
        (NETWORKS["plain"], {"kind": "resample"}, "pass a key"),
        (NETWORKS["plain"], {"chunk": 128}, "use 1 to 127 images at once"),
    ],
)
def test_what_has_no_table_is_refused(network, options, message):
    with pytest.raises(InputError, match=message):
        coalitions.table(network, DATA, **options)


def test_a_table_is_of_the_last_site():
    assert tables.last_site(NETWORKS["normed"].model) == "hidden1/norm"
