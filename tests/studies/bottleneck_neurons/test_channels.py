import jax
import numpy as np
import pytest
from support import toy_inputs
from support.findings import judged
from support.random_results import random_results

from jaxinterp import networks
from jaxinterp.analysis import responses
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset
from jaxinterp.interventions import ablate, select
from jaxinterp.networks import Network
from jaxinterp.studies import runner
from jaxinterp.studies.bottleneck_neurons import STUDY, channels
from jaxinterp.studies.bottleneck_neurons.neurons import CNN, NAME
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.train import History

SIDE, SEEDS = 8, 3
CONVOLUTIONS = {"channels": (3, 4), "padding": (1,), "pool_size": (2,), "image_shape": (SIDE, SIDE, 1)}


def data(examples, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(examples, dtype=np.int32) % 3
    images = rng.uniform(0, 0.5, (examples, SIDE, SIDE)).astype(np.float32)
    images[np.arange(examples), 2 * labels] += 0.5  # a row for each class
    return Dataset(images.reshape(examples, -1), labels)


def ensemble_of(**options):
    model = networks.build(ModelConfig((5,), 3, **options))
    return jax.vmap(lambda key: networks.init(key, model, SIDE**2))(jax.random.split(jax.random.key(0), SEEDS))


@pytest.fixture(scope="module")
def measured():
    networks_, halves = ensemble_of(**CONVOLUTIONS), (data(90, 1), data(90, 2))
    network = jax.tree.map(lambda leaf: leaf[0], networks_)
    return network, halves, jax.jit(channels.channels)(network, jax.random.key(3), *halves)


@pytest.mark.parametrize("number", range(3))
def test_every_units_loss_is_that_of_the_network_without_it(measured, number):
    network, (choosing, scoring), found = measured
    layer = network.model.layers[number]

    def accuracies(half, unit):
        edit = {layer.post: ablate(select([unit], layer.units))}
        right = np.asarray(network(half.images, edit)[0]).argmax(axis=-1) == half.labels
        return [right[half.labels == label].mean() for label in range(3)]

    before, after = (np.array([accuracies(half, unit) for unit in range(layer.units)]) for half in (choosing, scoring))
    chosen = before.argmin(axis=0)
    np.testing.assert_allclose(found.without[0, number], after[chosen, np.arange(3)], atol=1e-5)
    np.testing.assert_allclose(found.without_any[0, number], after.mean(axis=0), atol=1e-5)


def test_a_units_selectivity_is_that_of_its_mean_over_the_map(measured):
    network, halves, found = measured
    for number, layer in enumerate(network.model.layers):
        first, second = (
            np.asarray(responses.selectivity(network.units(half.images)[layer.post], half.labels, classes=3).auc)
            for half in halves
        )
        np.testing.assert_allclose(found.auc[number], second[np.arange(3), first.argmax(axis=1)], atol=1e-5)
    assert found.without_directions.shape == (channels.BASES, 2, 3, 3)
    assert np.abs(found.auc - found.auc_directions).max() > 0.01


def inputs(recipe, variables, *, diverged=(), **options):
    config = RunConfig(DataConfig(), ModelConfig((5,), 3, **options), TrainConfig(seeds=SEEDS))
    never = np.zeros((SEEDS, 1, 3))
    ended = np.isin(np.arange(SEEDS), diverged).astype(int)
    history = History(never, never, never[..., None], ended, ended, ended)
    own = toy_inputs.unread(NAME)
    splits = own.splits._replace(test=data(60, 2))
    run = own.run._replace(config=config, networks=Network(networks.build(config.model), variables), history=history)
    return Inputs(recipe, own.path, run, splits)


def test_equal_networks_are_alike_and_those_that_diverged_are_left_out():
    cnn, mlp = ensemble_of(**CONVOLUTIONS), ensemble_of()
    same = jax.tree.map(lambda leaf: np.stack([leaf[0]] * SEEDS), cnn.variables)
    both = {CNN: inputs(CNN, same, **CONVOLUTIONS), NAME: inputs(NAME, mlp.variables, diverged=(1,))}
    [measurement] = [own for own in channels.MEASUREMENTS if own.name == "cnn-similarity"]
    found = runner.take(measurement, both).cka
    own, other = (found.sel(others=name) for name in (channels.ITSELF, "hidden0 of an MLP"))
    np.testing.assert_allclose(own.sel(conditions=TRAINED), 1, atol=1e-6)
    off = ~np.eye(SEEDS, dtype=bool)
    assert (own.sel(conditions=UNTRAINED).to_numpy()[:, off] < 0.999).all()
    shuffled = own.sel(conditions=channels.WITHIN_CLASS)
    assert (shuffled < 0.999).all()
    assert other.isel(seeds_other=1).isnull().all() and other.drop_isel(seeds_other=1).notnull().all()
    alone = runner.take(measurement, {NAME: both[NAME]}).cka
    assert alone.isnull().all() and alone.layers.to_numpy().tolist() == ["hidden0"]


def test_claims_need_a_cnn_and_are_judged_beyond_directions_and_untrained_networks():
    assert channels.claims(random_results(STUDY, optional=False)) == []
    results = random_results(STUDY)
    found, table = results["channels"], results["cnn-similarity"]
    found["intact"][:], found["without"][:], found["without_directions"][:] = 0.95, 0.9, 0.9
    found["without"].loc[{"layers": "conv1"}] = 0.01
    found["without_directions"].loc[{"layers": "conv1", "classes": list("0123456")}] = 0.01
    found["without"].loc[{"layers": "hidden0", "classes": list("0123456")}] = 0.01
    table["cka"][:] = 0.4 + 0.01 * table["cka"]
    table["cka"].loc[{"conditions": TRAINED, "layers": "hidden0"}] += 0.5
    findings = judged(STUDY, results, channels.claims)
    assert findings["4.11 most digits conv0"].score.mean == 0
    assert findings["4.11 most digits conv1"].score.mean == pytest.approx(0.3)
    assert findings["4.11 most digits conv1"].verdict == "does not hold"
    assert findings["4.11 most digits hidden0"].verdict == "holds"
    assert findings["4.11 alike conv1"].verdict == "does not hold"
    assert findings["4.11 alike hidden0"].verdict == findings["4.11 alike MLP hidden0"].verdict == "holds"
    assert findings["4.11 alike MLP hidden0"].control_name in (UNTRAINED, channels.WITHIN_CLASS)
