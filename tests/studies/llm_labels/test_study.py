"""What is measured for study `llm-labels`, by the real path at toy size."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxinterp.studies.llm_labels.record import SIX, TRAINED, TWELVE, WIDE, XOR, asked, key_of, laid_out, live

from jaxinterp import controls, data, ensemble, networks, records, store, train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Splits
from jaxinterp.studies import Subject
from jaxinterp.studies.llm_labels import RECIPES, STUDY, Record, answer, facets, findings, measure, planted, xor

DIGITS = RunConfig(
    DataConfig("strokes", train_size=200),
    ModelConfig((3,), outputs=2, input_mean=0.5, input_std=0.5),
    TrainConfig(seeds=3, epochs=1, batch_size=50, learning_rate=0.01),
)
CONFIGS = {
    STUDY: DIGITS,
    TWELVE: dataclasses.replace(DIGITS, model=dataclasses.replace(DIGITS.model, widths=(5,))),
    XOR: RunConfig(
        DataConfig("xor"),
        ModelConfig((4,), outputs=1, initializer="torch"),
        TrainConfig(seeds=4, epochs=100, batch_size=4, learning_rate=0.1, loss="squared_error"),
    ),
}


@pytest.fixture(scope="module")
def subjects(tmp_path_factory):
    found = {}
    for recipe, config in CONFIGS.items():
        splits = data.load(config.data)
        if recipe != XOR:
            splits = Splits(splits.train, splits.validation, splits.test.take(np.s_[:300]))
        model = networks.build(config.model)
        if recipe == TWELVE:  # as it is before training, which is quicker; what its history says is that of the others
            keys = ensemble.keys(config.train.base_seed, config.train.seeds)
            made = controls.untrained(keys, model, splits.test.images.shape[1])
            run = store.Run(config, made, found[STUDY].run.history)
        else:
            trained = train.fit_ensemble(model, splits, config.train)
            run = store.Run(config, trained.networks, trained.history)
        found[recipe] = Subject(tmp_path_factory.mktemp("runs") / recipe, run, splits)
    return found


def of_network(network, key, images):
    """In the place of `facets.of_network`, which takes long to compile and has a test of its own."""
    size = jnp.sum(network(images[:1])[0])
    shapes = {"facets_of_outputs": (2,), "facets_of_directions": (10,), "facets_of_neurons": (3,)}
    shapes |= {"clusters_of_neurons": (3,), "clusters_of_directions": (10,), "clusters_of_outputs": (2,)}
    shapes |= {"facets_of_layer": (), "participation": (), "facet_shares": (2, 4)}
    shapes |= {"facet_images": (2, 4, images.shape[1])}
    return {name: size + jax.random.uniform(key, shape) for name, shape in shapes.items()}


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facets, "of_network", of_network)
        patch.setattr(facets, "counted", lambda key: np.ones((len(planted.KINDS), planted.DRAWS)))
        yield


@pytest.fixture(scope="module")
def record(subjects, quick):
    return measure(subjects)


def test_what_is_asked_of_trained_networks_alone_is_of_those(record, subjects):
    group, seed = asked(subjects[SIX]), 2
    key = jax.random.fold_in(key_of(group, 8), seed)
    for place, networks_ in enumerate((group.before, group.networks)):
        network = ensemble.take(networks_, seed)
        expected = of_network(network, key, group.splits.test.images)
        np.testing.assert_allclose(record.participation[seed, place], expected["participation"], rtol=1e-5)
        np.testing.assert_allclose(record.facets_of_outputs[seed, place], expected["facets_of_outputs"], rtol=1e-5)
    np.testing.assert_allclose(record.clusters_of_outputs[seed], expected["clusters_of_outputs"], rtol=1e-5)
    np.testing.assert_allclose(record.facets_of_neurons[seed, :3], expected["facets_of_neurons"], rtol=1e-5)
    assert np.isnan(record.facets_of_neurons[seed, 3:]).all()


def ruined(subject, seed):
    """The run, had one of its networks diverged."""
    run, history = subject.run, subject.run.history
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[seed].set(jnp.nan), run.networks.variables)
    diverged = np.asarray(history.diverged).copy()
    diverged[seed] = 1
    run = run._replace(
        networks=run.networks.replace(variables=variables), history=history._replace(diverged=jnp.asarray(diverged))
    )
    return subject._replace(run=run)


def test_it_asks_its_own_recipes():
    assert list(RECIPES) == list(CONFIGS) and next(iter(RECIPES)) == STUDY
    assert all(seeds >= 40 for seeds in RECIPES.values())


def test_everything_is_measured_and_survives_storage(record):
    back = records.from_xarray(Record, records.to_xarray(record))
    for name, value in record._asdict().items():
        if isinstance(value, tuple):
            assert getattr(back, name) == value
        else:
            np.testing.assert_array_equal(getattr(back, name), value)
    assert len(findings(record)) == 25 and answer(back) == answer(record)


def test_units_that_an_arm_lacks_and_networks_that_are_not_there_are_nan(record):
    six, wide = (live(record, arm) for arm in (SIX, WIDE))
    assert six.shape == wide.shape == (4, 5)
    assert np.isnan(six[:, 3:]).all() and not np.isnan(six[:3, :3]).any() and not np.isnan(wide[:3]).any()
    assert np.isnan(six[3]).all() and np.isnan(wide[3]).all() and not np.isnan(xor.solved(record)).any()


def test_the_xor_table_is_that_of_the_networks(record, subjects):
    subject = subjects[XOR]
    for seed in range(4):
        network = jax.tree.map(lambda leaf, seed=seed: leaf[seed], subject.run.networks)
        logits = np.asarray(network(subject.splits.test.images)[0])[:, 0]
        trained = record.conditions.index(TRAINED)
        np.testing.assert_allclose(record.xor_outputs[seed, trained], logits, atol=1e-6)
        assert record.xor_kept[seed, -1].tolist() == ((logits > 0.5) == [0, 1, 1, 0]).astype(float).tolist()
        constant = float(np.asarray(network.variables["params"]["output"]["bias"])[0])
        assert record.xor_kept[seed, 0].tolist() == ((constant > 0.5) == np.array([0, 1, 1, 0])).astype(float).tolist()


def test_a_diverged_network_changes_nothing_for_the_others(record, subjects):
    other = measure(subjects | {recipe: ruined(subjects[recipe], 1) for recipe in (STUDY, XOR)})
    assert other.diverged.tolist() == [1, 0, 1]
    axes = {name: getattr(hint, "dim_str", "").split() for name, hint in Record.__annotations__.items()}
    for name, own in record._asdict().items():
        if axes[name][:1] != ["seeds"]:
            continue
        kept = [0, 2, 3] if own.shape[0] == 4 else slice(None)
        np.testing.assert_array_equal(getattr(other, name)[kept], own[kept], err_msg=name)
    assert np.isnan(other.accuracy[1, 0]) and other.accuracy[1, 1] == record.accuracy[1, 1]
    assert np.isnan(other.xor_outputs[1]).all() and np.isnan(live(other, SIX)[1]).all()
    assert "diverged" in findings(other)[0].note and answer(other) != answer(record)
    left = np.delete(record.accuracy[:3, 0], 1)
    assert (
        other.example[0] != 1 and other.accuracy[other.example[0], 0] in left and other.example[1] == record.example[1]
    )


def test_shorter_arms_are_laid_out_beside_longer_ones():
    parts = [np.ones((2, 3)), np.zeros((3, 5))]
    found = laid_out("dead_training", parts, seeds=3, units=5)
    assert found.shape == (3, 2, 5)
    assert np.isnan(found[2, 0]).all() and np.isnan(found[:, 0, 3:]).all() and (found[:2, 0, :3] == 1).all()
    assert (found[:, 1] == 0).all()
