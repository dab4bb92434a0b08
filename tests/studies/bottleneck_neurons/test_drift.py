import jax
import numpy as np
import pytest
from support.findings import judged
from support.judging import plant
from support.random_results import random_results

from jaxinterp import networks, store, train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.studies import runner
from jaxinterp.studies.bottleneck_neurons import STUDY, drift
from jaxinterp.studies.bottleneck_neurons.drift import (
    BARRIERS,
    BECOMING,
    CKA,
    COURSE,
    DRIFT,
    END,
    EVERY,
    IN_ORDER,
    ONSET,
    OTHER,
    OWN,
    SAME,
)
from jaxinterp.studies.bottleneck_neurons.neurons import CNN
from jaxinterp.studies.inputs import Inputs


@pytest.fixture(scope="module")
def results(toy_inputs):
    return taken(EVERY, toy_inputs)


def taken(recipe, inputs):
    return {own.name: runner.take(own, {recipe: inputs}) for own in drift.MEASUREMENTS if own.recipes == (recipe,)}


def test_the_course_begins_untrained_and_ends_trained(toy, toy_inputs, results):
    course, trained = results[COURSE], toy[2]
    assert course.epochs.to_numpy().tolist() == [0, 2, 3]
    stages = (trained.snapshots[0], trained.snapshots[2], trained.networks)
    for place, kept in enumerate(stages):
        activations = jax.vmap(lambda network: network(toy_inputs.sample.images)[1]["hidden0/post"])(kept)
        own = course.isel(epochs=place).sel(layers="hidden0")
        np.testing.assert_allclose(own["mean"], np.mean(activations, axis=(1, 2)), rtol=1e-4)
        np.testing.assert_allclose(own.unit_mean[:, : activations.shape[-1]], np.mean(activations, axis=1), rtol=1e-4)
        np.testing.assert_allclose(own.dead, (np.max(activations, axis=1) <= 0).mean(axis=1), rtol=1e-4)


def test_at_the_end_every_network_is_its_own_end(results):
    last = {name: dataset.isel(epochs=-1) for name, dataset in results.items()}
    np.testing.assert_allclose(last[DRIFT].own.sel(references=END), 1, atol=1e-5)
    own = last[BECOMING].own
    np.testing.assert_allclose(own.where(own.notnull(), 1), 1, atol=1e-5)
    np.testing.assert_allclose(last[BARRIERS].barrier.sel(ends=OWN), 0, atol=1e-6)
    np.testing.assert_array_equal(last[ONSET].now, last[ONSET].end)


def test_a_cnn_is_asked_the_same(tmp_path):
    side, rng = 8, np.random.default_rng(0)
    labels = np.arange(60, dtype=np.int32) % 3
    images = rng.uniform(0, 0.5, (60, side, side)).astype(np.float32)
    images[np.arange(60), 2 * labels] += 0.5  # a row for each class
    splits = Splits(*[Dataset(images.reshape(60, -1), labels)] * 3)
    model = ModelConfig((5,), 3, channels=(3, 4), padding=(1,), pool_size=(2,), image_shape=(side, side, 1))
    config = RunConfig(DataConfig(), model, TrainConfig(seeds=2, epochs=2, batch_size=20, snapshots=(0, 1, 2)))
    trained = train.fit_ensemble(networks.build(model), splits, config.train)
    store.save(tmp_path / "cnn", config, trained, splits.test)
    inputs = Inputs(CNN, tmp_path / "cnn", store.load(tmp_path / "cnn"), splits)
    found = taken(CNN, inputs)
    assert list(found) == [f"cnn-{name}" for name in (COURSE, DRIFT, BECOMING, ONSET, BARRIERS)]
    units = jax.vmap(lambda network: network.units(images.reshape(60, -1)))(inputs.ensemble("epoch 1"))
    own = found[f"cnn-{COURSE}"].sel(layers="conv0", epochs=1)
    np.testing.assert_allclose(own["mean"], units["conv0/post"].mean((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(found[f"cnn-{DRIFT}"].own.sel(references=END).isel(epochs=-1), 1, atol=1e-5)
    np.testing.assert_allclose(found[f"cnn-{BARRIERS}"].barrier.sel(ends=OWN).isel(epochs=-1), 0, atol=1e-6)


def test_networks_that_diverged_are_left_out(toy_inputs, monkeypatch):
    monkeypatch.setattr(type(toy_inputs), "diverged", np.arange(5) == 1)
    course = drift.training(toy_inputs)
    finite = jax.tree.map(lambda leaf: np.isfinite(leaf).reshape(3, 5, -1).all(axis=(0, 2)), course)
    assert all((leaf == (np.arange(5) != 1)).all() for leaf in jax.tree.leaves(finite))


def random(**sizes):
    return random_results(STUDY, sizes, seeds=12)


def verdict(results, name):
    def one(results):
        return [claim for claim in drift.claims(results) if claim.id == name]

    return judged(STUDY, results, one)[name].verdict


def test_the_peak_is_that_of_the_other_networks():
    curves = random()[COURSE]["mean"].isel(layers=0)
    curves[:] = 0.0
    curves[{"epochs": 5}] = 1.0
    curves[{"epochs": 9, "seeds": 0}] = 5.0  # one network's own
    np.testing.assert_array_equal(drift.at_others_peak(curves), 1.0)


def test_activity_must_rise_fall_and_spread():
    def activity(*means, spread):
        results = random()
        course = results[COURSE]
        for values, (first, middle, last) in ((course["mean"], means), (course.spread, spread)):
            plant(values, middle)
            for time, value in ((0.0, first), (20.0, last)):
                plant(values, value, epochs=time, seed=int(time))
        names = ("rises", "declines", "spread", "relative spread")
        return [verdict(results, f"4.2 {name} hidden0") for name in names]

    assert activity(0.3, 1.5, 1.2, spread=(0.2, 1, 2)) == ["holds"] * 4
    no = "does not hold"
    assert activity(1, 1.5, 1.5, spread=(2, 2, 1)) == [no] * 4
    assert activity(0.5, 1.5, 1.5, spread=(1, 2, 2)) == ["holds", no, "holds", no]  # it spreads as it grows


def test_a_network_must_be_its_own_end_and_not_just_any():
    def own_end(own, other, untrained, recipe=EVERY, name="4.12 own end hidden0"):
        results = random()
        found, at_end = results[drift.name_of(DRIFT, recipe)], {"measures": CKA, "references": END}
        plant(found.own, own, epochs=1.0, **at_end)
        plant(found.own, untrained, epochs=0.0, seed=1, **at_end)
        plant(found.between, other, epochs=1.0, **at_end)
        return verdict(results, name)

    assert own_end(0.9, 0.5, 0.4) == "holds"
    assert own_end(0.9, 0.9, 0.4) == "does not hold"  # any network's end is as near
    assert own_end(0.9, 0.5, 0.9) == "does not hold"  # it was so from the start
    assert own_end(0.9, 0.5, 0.4, CNN, "4.11 own end conv0") == "holds"
    assert own_end(0.9, 0.9, 0.4, CNN, "4.11 own end conv0") == "does not hold"


def test_convergence_and_selectivity_are_shares_of_what_all_of_training_brings():
    def found(early, last):
        results = random()
        for time, value in ((0.0, 0.2), (1.0, early), (20.0, last)):
            plant(
                results[DRIFT].between, value, epochs=time, measures=CKA, references=SAME, spread=1e-3, seed=int(time)
            )
            plant(results[ONSET].now, value, epochs=time, spread=1e-3, seed=int(time))
        return verdict(results, "4.12 convergence hidden1"), verdict(results, "4.12 selectivity")

    assert found(0.79, 0.8) == ("holds", "holds")
    assert found(0.6, 0.8) == ("does not hold", "holds")
    assert found(0.3, 0.8) == ("does not hold", "does not hold")


def test_most_neurons_must_be_what_they_will_be_and_stay_so():
    def units(own, other, *, later=1.0):
        results = random(units=8)
        for values, level in ((results[BECOMING].own, own), (results[BECOMING].other, other)):
            values[:] = 0.0
            values.loc[{"epochs": slice(1.0, None)}] = np.where(np.arange(8) < level, 1.0, 0.0)
            values[{"seeds": 0, "units": 0}] = 0.0  # a little that differs
        results[BECOMING].own.loc[{"epochs": 5.0}] *= later
        return verdict(results, "4.12 units hidden0")

    assert units(8, 0) == "holds"
    assert units(8, 8) == "does not hold"  # so are another network's
    assert units(2, 0) == "does not hold"
    assert units(8, 0, later=0.5) == "does not hold"  # they leave it again


def test_no_barrier_to_the_own_end_means_little_where_matching_removes_that_to_another():
    def basin(own, other, recipe=EVERY, name="4.12 basin"):
        results = random_results(STUDY)
        barrier = results[drift.name_of(BARRIERS, recipe)].barrier
        plant(barrier, 1.0, ends=OTHER)
        plant(barrier, other, ends=OTHER, orders=drift.REORDERED)
        plant(barrier, own, ends=OWN, orders=IN_ORDER, spread=1e-3)
        return verdict(results, name)

    assert basin(0.0, 0.9) == "holds" == basin(0.0, 0.9, CNN, "4.11 basin")
    assert basin(0.5, 0.9) == "does not hold" == basin(0.0, 0.0)


def test_without_what_was_kept_on_the_way_nothing_is_claimed():
    results = random_results(STUDY, optional=False)
    assert COURSE not in results and not drift.claims(results)
    results = random()
    short = {name: dataset.isel(epochs=[0, -1], missing_dims="ignore") for name, dataset in results.items()}
    assert not drift.claims(short)
