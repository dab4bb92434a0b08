import itertools
from functools import partial

import jax
import numpy as np
import pytest
from support import planted

from jaxinterp import choices
from jaxinterp.analysis import attribution
from jaxinterp.errors import InputError

AFFINE = [name for name, norm in choices.NORMS.items() if norm.over_units is None]
NORMS = [("none", "before"), *itertools.product(AFFINE, ("before", "after"))]


def every_path(network, image, unit):
    """(pixel, units, contribution) of all of them, by enumeration."""
    layers = [
        (np.asarray(kernel, np.float64), np.asarray(bias, np.float64))
        for kernel, bias in jax.jit(attribution.folded)(network)
    ]
    gates, x = [], np.asarray(image, np.float64)
    for kernel, bias in layers[:-1]:
        gates.append((x @ kernel + bias > 0).astype(float))
        x = np.maximum(x @ kernel + bias, 0)
    widths = [len(image), *(len(gate) for gate in gates)]
    found = []
    for first in range(len(layers) + 1):  # a path begins at a pixel, or with the bias of one of the layers
        passed = [range(width) for width in widths[first:]]
        for nodes in itertools.product(*passed):
            start = max(first - 1, 0)
            chain = (*nodes, unit)
            value = image[nodes[0]] if first == 0 else layers[start][1][chain[0]]
            if first > 0 and first - 1 < len(gates):
                value = value * gates[first - 1][chain[0]]
            for step, (source, target) in enumerate(itertools.pairwise(chain)):
                layer = first + step
                value = value * layers[layer][0][source, target]
                value = value * (gates[layer][target] if layer < len(gates) else 1)
            pixel, units = (nodes[0], nodes[1:]) if first == 0 else (-1, (*[-1] * (first - 1), *nodes))
            found.append((pixel, tuple(units), float(value)))
    return found


@pytest.mark.parametrize(
    ("widths", "norm", "position"),
    [((), "none", "before"), ((4,), "batch", "before"), ((4, 3), "batch", "after"), ((3, 2, 4), "none", "before")],
    ids=str,
)
def test_all_paths_together_are_the_units_value(widths, norm, position, build, images):
    network, image, unit = build(norm, position, widths=widths), images[4], 1
    expected = every_path(network, image, unit)
    logit = float(network(image)[0][unit])
    assert sum(value for *_, value in expected) == pytest.approx(logit, rel=1e-5, abs=1e-5)
    found = jax.jit(partial(attribution.top_paths, k=10**6))(network, image, unit)
    assert float(found.contributions.sum()) == pytest.approx(logit, rel=1e-5, abs=1e-5)
    assert float(found.total) == pytest.approx(logit, rel=1e-5, abs=1e-5)
    sizes = np.sort([abs(value) for *_, value in expected])[::-1]
    assert float(found.absolute) == pytest.approx(sizes.sum(), rel=1e-5)
    table = {(pixel, units): value for pixel, units, value in expected}
    assert len(table) == len(expected) == len(found.contributions)
    named = [(int(pixel), tuple(units)) for pixel, units in zip(found.pixels, found.units.tolist(), strict=True)]
    assert set(named) == set(table)
    np.testing.assert_allclose(found.contributions, [table[name] for name in named], rtol=1e-4, atol=1e-6)
    for k in (1, 7):
        top = jax.jit(partial(attribution.top_paths, k=k))(network, image, unit)
        np.testing.assert_allclose(np.abs(top.contributions), sizes[:k], rtol=1e-4, atol=1e-6)
        assert float(top.total) == pytest.approx(logit, rel=1e-5, abs=1e-5)


def test_paths_to_a_hidden_unit_and_of_every_image_at_once(build, images):
    network = build("batch", "after")
    for site in ("hidden1/pre", "hidden1/post", "hidden0/norm"):
        ask = jax.jit(jax.vmap(partial(attribution.top_paths, network, site=site, k=5), in_axes=(0, None)))
        found = ask(images, 2)
        np.testing.assert_allclose(found.total, network(images)[1][site][:, 2], rtol=1e-4, atol=1e-5)
        assert np.all(np.diff(np.abs(found.contributions)) <= 0)


def test_the_path_through_the_planted_unit_is_the_largest():
    network, image = planted.network(), planted.data().images[planted.ALONE_CLASS]
    found = jax.jit(partial(attribution.top_paths, k=3))(network, image, planted.ALONE_CLASS)
    assert (int(found.pixels[0]), found.units[0].tolist()) == (planted.ALONE_CLASS, [planted.ALONE] * 2)
    assert float(found.contributions[0]) == pytest.approx(2 * image[planted.ALONE_CLASS], rel=1e-5)
    # The threshold of 0.3 is a bias that is on the same way; nothing else contributes.
    assert (int(found.pixels[1]), found.units[1].tolist()) == (-1, [planted.ALONE] * 2)
    assert float(found.contributions[1]) == pytest.approx(-0.6, rel=1e-5)
    assert float(found.contributions[2]) == 0


def test_connections_of_the_planted_network():
    network, data = planted.network(), planted.data()
    hidden = attribution.connections(network, data.images, site="hidden1/post", k=3)
    spread = np.asarray(network(data.images)[1]["hidden0/post"]).std(axis=0)
    for unit in range(planted.UNITS):
        assert hidden.incoming_units[unit].tolist() == [unit, -1, -1]
        np.testing.assert_array_equal(hidden.incoming_weights[unit], [1, np.nan, np.nan])
        dead = unit == planted.DEAD
        assert hidden.incoming_contribution_units[unit].tolist() == [-1 if dead else unit, -1, -1]
        expected = np.nan if dead else spread[unit]
        np.testing.assert_allclose(hidden.incoming_contributions[unit, 0], expected, rtol=1e-5)
    assert hidden.outgoing_units[:, 0].tolist() == [0, 1, 1, 2, 2, 3]
    np.testing.assert_array_equal(hidden.outgoing_weights[:, 0], [2, 2, 2, 1, 2, 2])
    assert hidden.outgoing_contribution_units[:, 0].tolist() == [0, 1, 1, -1, 2, 3]
    logits = attribution.connections(network, data.images, site="logits", k=3)
    assert set(logits.incoming_units[planted.PAIR_CLASS].tolist()) == {*planted.PAIR, -1}
    assert logits.incoming_units[2].tolist() == [4, planted.DEAD, -1]
    assert logits.incoming_contribution_units[2].tolist() == [4, -1, -1]
    assert np.all(logits.outgoing_units == -1) and np.isnan(logits.outgoing_contributions).all()


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_connections_are_the_largest_of_the_folded_kernels(norm, position, build, images):
    network = build(norm, position)
    layers, activations = jax.jit(lambda network, images: (attribution.folded(network), network(images)[1]))(
        network, images
    )
    spreads = [np.asarray(activations[site]).std(axis=0) for site in ("input", "hidden0/post", "hidden1/post")]
    for place, site in enumerate(("input", "hidden0/pre", "hidden1/post", "logits")):
        found = jax.jit(partial(attribution.connections, site=site, k=6))(network, images)
        tables = {}
        if place > 0:
            kernel = np.asarray(layers[place - 1][0])
            tables["incoming_units", "incoming_weights"] = kernel.T
            tables["incoming_contribution_units", "incoming_contributions"] = (kernel * spreads[place - 1][:, None]).T
        if place < 3:
            kernel = np.asarray(layers[place][0])
            tables["outgoing_units", "outgoing_weights"] = kernel
            tables["outgoing_contribution_units", "outgoing_contributions"] = kernel * spreads[place][:, None]
        for (units, values), table in tables.items():
            for row, unit, value in zip(table, getattr(found, units), getattr(found, values), strict=True):
                order = [i for i in np.argsort(-np.abs(row)) if abs(row[i]) > 1e-7][:6]
                filled = len(order)
                np.testing.assert_allclose(value[:filled], row[order], rtol=1e-4)
                assert unit.tolist() == [*order, *[-1] * (6 - filled)] and np.isnan(value[filled:]).all()


def test_a_unit_that_is_not_finite_leaves_the_others_alone(build, images):
    network = build()
    params = network.variables["params"]
    hurt = params["hidden1"] | {"kernel": params["hidden1"]["kernel"].at[:, 2].set(np.nan)}
    other = network.replace(variables={"params": params | {"hidden1": hurt}})
    ask = jax.jit(partial(attribution.connections, site="hidden1/pre"))
    before, after = (ask(one, images) for one in (network, other))
    for mine, others in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.delete(mine, 2, axis=0), np.delete(others, 2, axis=0))
    assert np.all(after.incoming_units[2] == -1)


def test_what_cannot_be_answered_is_refused(build, images):
    with pytest.raises(InputError, match="k is 0: use 1 or more connections"):
        attribution.connections(build(), images, site="logits", k=0)
    with pytest.raises(InputError, match="no site 'hidden5/pre'"):
        attribution.connections(build(), images, site="hidden5/pre")
    with pytest.raises(InputError, match="k is 0: use 1 or more paths"):
        attribution.top_paths(build(), images[0], 0, k=0)
    with pytest.raises(InputError, match="only for relu and identity networks, not for tanh"):
        attribution.top_paths(build(activation="tanh"), images[0], 0, k=1)
    with pytest.raises(InputError, match="no unit 3 at logits"):
        attribution.top_paths(build(), images[0], 3, k=1)
