"""Training where the very bits matter: they depend on how a program is compiled, so that it is compiled as users do."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.toys import random_splits

from jaxinterp import data, ensemble, epoch, networks, train
from jaxinterp.config import ModelConfig, TrainConfig
from jaxinterp.data import Splits
from jaxinterp.data.datasets import scale_bytes

pytestmark = pytest.mark.usefixtures("optimized")


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


def byte_splits():
    return Splits(
        *(part.replace(images=scale_bytes((255 * part.images).astype(np.uint8))) for part in random_splits(pixels=8))
    )


def test_images_kept_as_bytes_change_no_bit(monkeypatch):
    splits, model = byte_splits(), networks.build(ModelConfig((5,), 3))
    assert data.pack(splits.train.images).dtype == np.uint32
    config = TrainConfig(seeds=3, epochs=3, batch_size=8)
    as_bytes = train.fit_ensemble(model, splits, config)
    monkeypatch.setattr(train, "pack", lambda images: images)
    assert bits(train.fit_ensemble(model, splits, config)) == bits(as_bytes)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_seed_is_the_same_network_however_many_are_trained(optimizer):
    splits, model = random_splits(), networks.build(ModelConfig((5, 4), 3))
    one, few, many = (
        train.fit_ensemble(model, splits, TrainConfig(seeds=n, epochs=3, batch_size=8, optimizer=optimizer)).networks
        for n in (1, 3, 21)
    )
    assert bits(one) == bits(ensemble.take(few, slice(0, 1)))
    assert bits(few) == bits(ensemble.take(many, slice(0, 3)))


def test_snapshots_are_the_weights_of_their_epoch(toy):
    config, splits, trained = toy
    model = trained.networks.model
    before = jax.vmap(lambda key: networks.init(key, model, 784))(ensemble.keys(0, 5))
    shorter = train.fit_ensemble(model, splits, dataclasses.replace(config.train, epochs=2, snapshots=()))
    assert bits(trained.snapshots[0]) == bits(before)
    assert bits(trained.snapshots[2]) == bits(shorter.networks)


def test_a_snapshot_within_an_epoch_is_of_its_first_batches_and_changes_nothing_else():
    splits, model = random_splits(), networks.build(ModelConfig((5,), 3, norm="batch", dropout=(0.3,)))
    config = TrainConfig(seeds=2, epochs=2, batch_size=8, optimizer="sgd", snapshots=(0, 0.5, 1, 1.3))
    result = train.fit_ensemble(model, splits, config)
    whole = train.fit_ensemble(model, splits, dataclasses.replace(config, snapshots=(0, 1)))
    assert bits(result.networks) == bits(whole.networks) and bits(result.history) == bits(whole.history)
    assert bits(result.snapshots[1]) == bits(whole.snapshots[1])
    key = ensemble.keys(0, 2)[1]
    hyperparameters = jax.tree.map(lambda leaf: leaf[1], epoch.hyperparameters_of([(config, model.dropout)]))
    images = jax.tree.map(jnp.asarray, splits.train)
    for number, before, batches in ((0.5, 0, 3), (1.3, 1, 2)):  # of six full batches
        state = epoch.start(model, config, hyperparameters, key, 6)
        state = state._replace(variables=ensemble.take(result.snapshots[before], 1).variables)
        order = epoch.data_order(config, before + 1, key, 50)[: 8 * batches]
        step_key = jax.random.fold_in(jax.random.fold_in(key, epoch._DROPOUT), before + 1)
        after, _ = epoch.train_epoch(model, config, state, hyperparameters, step_key, order, images, None)
        found = ensemble.take(result.snapshots[number], 1).variables
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), found, after.variables)


def test_a_diverging_arm_is_frozen_flagged_and_harms_no_other():
    splits, model = random_splits(), networks.build(ModelConfig((5,), 3, "identity"))
    calm = TrainConfig(seeds=2, epochs=3, batch_size=8, optimizer="sgd", loss="squared_error", learning_rate=0.01)
    wild = dataclasses.replace(calm, learning_rate=1e4)
    arms = train.fit_arms(model, splits, [(calm, ()), (wild, ())])
    alone = train.fit_arms(model, splits, [(calm, ()), (calm, ())])
    assert bits(arms[0]) == bits(alone[0])
    assert (arms[1].history.diverged == 1).all()
    assert np.isnan(arms[1].history.loss).all()
    before = jax.vmap(lambda key: networks.init(key, model, 6))(ensemble.keys(0, 2))
    assert bits(arms[1].networks) == bits(before)  # the weights of the last finite epoch: here, of none
    assert not arms[0].history.diverged.any()


def test_leaving_out_networks_that_have_ended_changes_no_bit(monkeypatch):
    splits, model = random_splits(), networks.build(ModelConfig((5,), 3))
    config = TrainConfig(
        seeds=9, epochs=12, batch_size=8, patience=1, optimizer="sgd", learning_rate=0.3, chunk=2, snapshots=(2.5, 12)
    )
    left_out = train.fit_ensemble(model, splits, config)
    assert len(np.unique(left_out.history.stopped)) > 2  # so that other networks share a chunk later
    over_some = ensemble.over_some
    monkeypatch.setattr(
        ensemble, "over_some", lambda fn, some, *rest, chunk: over_some(fn, jnp.ones_like(some), *rest, chunk=chunk)
    )
    assert bits(train.fit_ensemble(model, splits, config)) == bits(left_out)


def test_going_on_from_any_epoch_changes_no_bit():
    splits = random_splits()
    model = networks.build(ModelConfig((5,), 3, norm="batch", dropout=(0.3,)))
    config = TrainConfig(seeds=3, epochs=5, batch_size=8, patience=3, snapshots=(1, 3.5, 4), label_noise=0.2)
    states = []
    whole = train.fit_ensemble(model, splits, config, progress=lambda state: states.append(jax.device_get(state)))
    for state in (states[0], states[-2]):
        assert bits(train.fit_ensemble(model, splits, config, restore=lambda _, state=state: state)) == bits(whole)


def test_going_on_with_convolutions_changes_no_bit():
    splits, states = random_splits(), []
    model = networks.build(ModelConfig((), 3, channels=(2,), padding=(1,), image_shape=(2, 3, 1), dropout=(0.3,)))
    config = TrainConfig(seeds=2, epochs=3, batch_size=16, optimizer="momentum", learning_rate=0.1)
    whole = train.fit_ensemble(model, splits, config, progress=lambda state: states.append(jax.device_get(state)))
    assert bits(whole.networks) != bits(states[0].state.variables)
    assert bits(train.fit_ensemble(model, splits, config, restore=lambda _: states[0])) == bits(whole)
