import jax
import numpy as np
import pytest
from support.findings import judged
from support.random_results import random_results

from jaxinterp import networks, recipes
from jaxinterp.analysis import attribution, edges
from jaxinterp.analysis.locality import locality
from jaxinterp.config import ModelConfig
from jaxinterp.studies.bottleneck_neurons import STUDY, filters
from jaxinterp.studies.bottleneck_neurons.neurons import CNN, NAME, WIDE
from jaxinterp.studies.inputs import TRAINED, UNTRAINED

SHAPE = (8, 8, 1)


def network(**options):
    config = ModelConfig((5, 4), 3, **options)
    return networks.init(jax.random.key(0), networks.build(config), 64)


def cnn():
    return network(channels=(3, 4), kernel_size=(5, 3), padding=(2, 1), stride=(2,), pool_size=(1,), image_shape=SHAPE)


def test_weights_are_cut_to_the_size_of_the_first_kernel():
    for name in (CNN, WIDE):
        assert recipes.config(name).model.kernel_size[0] == filters.SIDE


def test_the_smaller_cnn_has_as_many_parameters_as_the_mlp():
    def parameters(name):
        model = recipes.config(name).model
        shape = (28, 28, 1) if model.channels else ()
        model = networks.build(ModelConfig(**{**vars(model), "image_shape": shape}))
        return networks.count(model, 784)[0]

    assert parameters(CNN) == pytest.approx(parameters(NAME), rel=0.01)
    assert parameters(WIDE) == pytest.approx(4 * parameters(NAME), rel=0.1)


@pytest.mark.parametrize("own", [network, cnn], ids=["neurons", "channels"])
def test_filters_are_scored_beside_themselves_shuffled(own):
    found = jax.jit(filters.first_layer)(own(), jax.random.key(1), np.zeros(SHAPE, np.float32))
    expected = edges.edges(edges.first_filters(own(), SHAPE, side=5))
    np.testing.assert_allclose(found.oriented, expected.oriented, atol=1e-5)
    shown = filters.example_filters(own(), np.zeros(SHAPE, np.float32))
    again = edges.edges(shown.filter.reshape(-1, 5, 5, 1)).oriented
    np.testing.assert_allclose([again, shown.oriented], [found.oriented] * 2, atol=1e-5)
    assert np.isfinite(found.shuffled).all() and np.abs(found.shuffled - found.oriented).max() > 0.01


def test_images_without_a_window_have_no_filters():
    config = ModelConfig((5,), 3)
    own = networks.init(jax.random.key(0), networks.build(config), 8)
    found = filters.first_layer(own, jax.random.key(1), np.zeros((2, 4, 1), np.float32))
    assert all(np.isnan(values).all() and values.shape == (5,) for values in found)


@pytest.mark.parametrize(("own", "layers"), [(network, 2), (cnn, 2)], ids=["MLP", "CNN"])
def test_what_neurons_use_is_as_concentrated_with_its_pixels_shuffled(own, layers):
    images = np.random.default_rng(0).uniform(size=(20, 64)).astype(np.float32)
    inked = np.random.default_rng(1).uniform(size=64) < 0.8
    found = jax.jit(filters.looks)(own(), jax.random.key(1), images, inked, np.zeros(SHAPE, np.float32))
    assert found.looks.shape == (layers, len(filters.MEASURES), 5)
    np.testing.assert_allclose(found.shuffled[:, 0], found.looks[:, 0], rtol=1e-4)  # participation, NaN for no unit
    maps = inked * images.std(axis=0) * attribution.gradients(own(), images, site="hidden1/pre")
    expected = locality(maps)
    np.testing.assert_allclose(found.looks[1, :, :4], [expected.participation, expected.largest], rtol=1e-4)
    assert np.isnan(found.looks[1, :, 4]).all()


def planted(trained, control):
    results = random_results(STUDY)
    found = results["first-layer"]
    spread = np.random.default_rng(0).normal(0, 0.01, found.sizes["seeds"])
    found["oriented"][:], found["shuffled"][:] = control, control
    found["oriented"].loc[{"recipes": CNN, "conditions": TRAINED}] = trained
    found["oriented"] += spread[:, None] * np.ones(found.sizes["units"])
    return results


@pytest.mark.parametrize(
    ("trained", "control", "more", "mostly"),
    [
        (0.9, 0.2, "holds", "holds"),
        (0.35, 0.2, "holds", "does not hold"),
        (0.2, 0.4, "does not hold", "does not hold"),
    ],
)
def test_filters_are_judged_by_their_hardest_control(trained, control, more, mostly):
    findings = judged(STUDY, planted(trained, control), filters.claims)
    assert findings["4.11 edges CNN"].verdict == more
    assert findings["4.11 mostly edges CNN"].verdict == mostly
    assert findings["4.11 edges CNN"].score.mean == pytest.approx(trained - control, abs=0.01)
    results = planted(trained, control)
    results["first-layer"]["oriented"].loc[{"recipes": NAME, "conditions": TRAINED}] = trained
    by_mlp = judged(STUDY, results, filters.claims)["4.11 edges CNN"]
    assert by_mlp.control_name == filters.CUTS or trained < control


def test_few_pixels_are_fewer_than_in_every_control():
    results = random_results(STUDY)
    found = results["looks"]
    found["looks"].loc[{"measures": "participation"}] = 100.0
    where = {"recipes": CNN, "conditions": TRAINED, "measures": "participation"}
    found["looks"].loc[where] = 30 + np.random.default_rng(0).normal(size=found["looks"].loc[where].shape)
    judged_few = judged(STUDY, results, filters.claims)["4.11 few pixels"]
    assert judged_few.verdict == "holds" and judged_few.score.mean == pytest.approx(0.3, abs=0.01)
    found["looks"].loc[{"recipes": NAME, "conditions": TRAINED, "measures": "participation"}] = 35.0
    assert judged(STUDY, results, filters.claims)["4.11 few pixels"].verdict == "does not hold"


def test_without_a_cnn_the_mlp_is_judged_alone():
    findings = judged(STUDY, random_results(STUDY, optional=False), filters.claims)
    assert list(findings) == ["4.11 edges MLP", "4.11 mostly edges MLP"]
    assert set(filters.oriented(random_results(STUDY), NAME)) == {TRAINED, UNTRAINED, filters.SHUFFLED}
