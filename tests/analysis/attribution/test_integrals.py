import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted

from jaxinterp import choices
from jaxinterp.analysis import attribution
from jaxinterp.errors import InputError
from jaxinterp.networks import sites

NORMS = [("none", "before"), *itertools.product(choices.NORMS, ("before", "after"))]
NETWORKS = [((6, 5), *norm) for norm in NORMS[:3]] + [(widths, *NORMS[2]) for widths in ((), (6,), (5, 4, 4))]


fold = jax.jit(attribution.folded)
read = jax.jit(lambda network, images: network(images)[1])


def gain(network, images, units, site="logits", baseline=0.0):
    units = np.broadcast_to(units, len(images))
    blank = np.broadcast_to(np.float32(baseline), images.shape)
    ends = [np.asarray(read(network, x)[site], np.float64)[np.arange(len(images)), units] for x in (images, blank)]
    return ends[0] - ends[1]


def slow(network, image, unit, baseline=0.0):
    """Integrated gradients, and conductances by layer, in float64: all break points first, then piece by piece."""
    layers = [(np.asarray(k, np.float64), np.asarray(b, np.float64)) for k, b in fold(network)]
    end, start = np.asarray(image, np.float64), np.broadcast_to(np.float64(baseline), image.shape)

    def before_activation(t):
        x, found = start + t * (end - start), []
        for kernel, bias in layers:
            found.append(x @ kernel + bias)
            x = np.maximum(found[-1], 0)
        return found

    knots = [0.0, 1.0]
    for depth in range(len(layers) - 1):
        crossings = []
        for left, right in itertools.pairwise(knots):
            for p, q in zip(before_activation(left)[depth], before_activation(right)[depth], strict=True):
                if p * q < 0:
                    crossings.append(left + (right - left) * p / (p - q))
        knots = sorted([*knots, *crossings])
    total, passed = np.zeros(len(end)), [np.zeros(len(bias)) for _, bias in layers[:-1]]
    for left, right in itertools.pairwise(knots):
        gates = [value > 0 for value in before_activation((left + right) / 2)]
        ends = [[np.maximum(value, 0) for value in before_activation(t)] for t in (left, right)]
        slope = layers[-1][0][:, unit]
        for depth in reversed(range(len(layers) - 1)):
            passed[depth] += (ends[1][depth] - ends[0][depth]) * slope
            slope = layers[depth][0] @ (gates[depth] * slope)
        total += (right - left) * slope
    return (end - start) * total, passed


@pytest.mark.parametrize(("widths", "norm", "position"), NETWORKS, ids=str)
def test_the_exact_variant_is_its_definition(widths, norm, position, build, images):
    network, units = build(norm, position, widths=widths), np.arange(len(images)) % 3
    found = jax.jit(attribution.exact_integrated_gradients)(network, images, units)
    expected = [slow(network, image, unit)[0] for image, unit in zip(images, units, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
    np.testing.assert_allclose(np.sum(found, axis=1), gain(network, images, units), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("baseline", ["intensity", "image", "images"])
def test_the_exact_variant_is_complete_at_every_site_from_every_baseline(baseline, build, images):
    network = build("batch", "after")
    blank = {"intensity": 0.7, "image": images[3], "images": 1 - images}[baseline]

    def every(network, images, blank):
        explain = partial(attribution.exact_integrated_gradients, baseline=blank, chunk=5)
        return {site: explain(network, images, 1, site=site) for site in sites(network.model)[1:]}

    every = jax.jit(every) if baseline != "intensity" else every
    for site, maps in every(network, images, blank).items():
        expected = gain(network, images, 1, site, blank)
        np.testing.assert_allclose(np.sum(maps, axis=1), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("norm", "position"), NORMS)
def test_a_smooth_network_is_complete_by_quadrature(norm, position, build, images):
    network = build(norm, position, "tanh")
    steps, error = (256, 1e-2) if norm == "layer" else (64, 1e-5)  # a layer norm bends where all units are near 0
    for site, units in (("logits", np.arange(len(images)) % 3), ("hidden1/post", 2)):
        explain = jax.jit(partial(attribution.integrated_gradients, site=site, baseline=0.1, steps=steps))
        found = np.sum(explain(network, images, units), axis=1)
        np.testing.assert_allclose(found, gain(network, images, units, site, 0.1), atol=error)


def test_quadrature_nears_the_exact_variant(build, images):
    network = build("batch", "before", widths=(6, 5, 4))
    exact = jax.jit(attribution.exact_integrated_gradients)(network, images, 0)
    errors = [
        np.abs(jax.jit(partial(attribution.integrated_gradients, steps=steps))(network, images, 0) - exact).max()
        for steps in (4, 300)
    ]
    assert errors[1] < 2e-2 * np.abs(exact).max() and errors[1] < errors[0] / 10


def test_nothing_is_attributed_to_what_the_network_does_not_read(build, images):
    network = build()
    kernel = network.variables["params"]["hidden0"]["kernel"].at[2].set(0)
    params = network.variables["params"] | {"hidden0": network.variables["params"]["hidden0"] | {"kernel": kernel}}
    network = network.replace(variables={"params": params})
    for method in (attribution.integrated_gradients, attribution.exact_integrated_gradients):
        maps = np.asarray(jax.jit(method)(network, images, 0))
        assert not maps[:, 2].any() and maps[:, 3].any()


def test_an_image_like_the_baseline_has_nothing_to_attribute():
    network = planted.network()
    images = np.zeros((2, planted.PIXELS), np.float32)
    images[1] = planted.data().images[0]
    for method in (attribution.integrated_gradients, attribution.exact_integrated_gradients):
        maps = np.asarray(jax.jit(method)(network, images, 0))
        np.testing.assert_array_equal(maps[0], 0)
        # All of class 0's logit comes from its pixel, above the unit's threshold of 0.3 and twice.
        assert maps[1].sum() == pytest.approx(2 * (images[1, 0] - 0.3), rel=0.05) and not maps[1, 1:].any()


@pytest.mark.parametrize(("norm", "position"), NORMS[1:3])
def test_exact_conductance_is_its_definition(norm, position, build, images):
    network, units = build(norm, position, widths=(6, 5, 4)), np.arange(len(images)) % 3
    expected = [slow(network, image, unit)[1] for image, unit in zip(images, units, strict=True)]
    for layer in range(3):
        through = f"hidden{layer}/" + ("norm" if position == "after" else "pre")
        explain = partial(attribution.exact_conductance, through=through, chunk=5)
        found = jax.jit(explain)(network, images, units)
        np.testing.assert_allclose(found, np.stack([one[layer] for one in expected]), rtol=1e-4, atol=2e-5)
        np.testing.assert_allclose(np.sum(found, axis=1), gain(network, images, units), rtol=1e-5, atol=1e-5)


def test_every_piecewise_linear_function_has_the_exact_variants(monkeypatch, build, images):
    leaky = choices.Activation(lambda jax, x: jax.nn.leaky_relu(x, 0.2), "", slopes=(0.2, 1.0))
    monkeypatch.setitem(choices.ACTIVATIONS, "leaky", leaky)
    network = build("batch", "after", "leaky", widths=(6, 5, 4))
    exact = jax.jit(attribution.exact_integrated_gradients)(network, images, 1)
    near = jax.jit(partial(attribution.integrated_gradients, steps=300))(network, images, 1)
    np.testing.assert_allclose(near, exact, atol=2e-2 * np.abs(exact).max())
    np.testing.assert_allclose(np.sum(exact, axis=1), gain(network, images, 1), rtol=1e-5, atol=1e-5)
    through = partial(attribution.exact_conductance, through="hidden1/pre")
    passed = jax.jit(through)(network, images, 1)
    np.testing.assert_allclose(np.sum(passed, axis=1), gain(network, images, 1), rtol=1e-5, atol=1e-5)
    paths = jax.jit(partial(attribution.top_paths, k=10**6))(network, images[4], 1)
    for total in (paths.total, np.sum(paths.contributions)):
        np.testing.assert_allclose(total, network(images[4])[0][1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("through", ["hidden0/pre", "hidden0/post", "hidden1/pre", "hidden1/post"])
def test_conductance_adds_up_to_the_gain(through, build, images):
    blank = images[0]
    network = build(activation="tanh")
    found = jax.jit(partial(attribution.conductance, through=through))(network, images, 2, baseline=blank)
    np.testing.assert_allclose(np.sum(found, axis=1), gain(network, images, 2, baseline=blank), atol=1e-5)
    network = build()
    near = jax.jit(partial(attribution.conductance, through=through, steps=300))(network, images, 2, baseline=blank)
    exact = jax.jit(partial(attribution.exact_conductance, through=through))(network, images, 2, baseline=blank)
    np.testing.assert_allclose(near, exact, atol=2e-2 * np.abs(exact).max())


def test_conductance_of_the_last_layer_is_its_change_times_the_output_weights(build, images):
    for activation in ("relu", "identity"):
        network = build("batch", "before", activation)
        changes = read(network, images)["hidden1/post"] - read(network, jnp.zeros_like(images))["hidden1/post"]
        expected = changes * network.variables["params"]["output"]["kernel"][:, 1]
        found = jax.jit(partial(attribution.exact_conductance, through="hidden1/post"))(network, images, 1)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("norm", "position"), NORMS[3:])
def test_conductance_passes_layer_norms_too(norm, position, build, images):
    network = build(norm, position, "tanh")
    found = jax.jit(partial(attribution.conductance, through="hidden0/post", steps=256))(network, images, 0)
    np.testing.assert_allclose(np.sum(found, axis=1), gain(network, images, 0), atol=1e-2)


def test_what_cannot_be_answered_is_refused(build, images):
    exact = attribution.exact_integrated_gradients
    with pytest.raises(InputError, match="exact only for relu and identity networks, not for tanh"):
        exact(build(activation="tanh"), images, 0)
    with pytest.raises(InputError, match="a layer norm scales each image differently"):
        exact(build("layer"), images, 0)
    with pytest.raises(InputError, match=r"one image, or one image per input of shape \(12, 7\); got shape \(1, 7\)"):
        attribution.integrated_gradients(build(), images, 0, baseline=np.zeros((1, 7), np.float32))
    with pytest.raises(InputError, match="steps is 0: use 1 or more"):
        attribution.integrated_gradients(build(), images, 0, steps=0)
    for through in ("input", "hidden1/pre", "hidden1/post"):
        for method in (attribution.conductance, attribution.exact_conductance):
            with pytest.raises(InputError, match=f"through must be a hidden site before hidden1/pre, got {through}"):
                method(build(), images, 0, through=through, site="hidden1/pre")
