"""What training takes is known before it begins; what no machine has is refused in one line that helps."""

import dataclasses

import jax
import numpy as np
import pytest

from jaxinterp import machine, networks, sizes, train
from jaxinterp.config import ModelConfig, TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError

DATA = Dataset(np.zeros((40, 9), np.float32), np.arange(40, dtype=np.int32) % 2)
SPLITS = Splits(DATA, DATA.take(slice(0)), DATA)


def test_the_weights_are_counted_to_the_byte():
    model = networks.build(ModelConfig((5, 4), outputs=2))
    kept = jax.tree.leaves(networks.init(jax.random.key(0), model, 9).variables)
    chunk = jax.local_device_count()  # all seeds fill it
    parts = sizes.training(TrainConfig(seeds=chunk, snapshots=(0, 1), epochs=2), model, SPLITS)
    assert next(iter(parts.values())) == chunk * sum(leaf.nbytes for leaf in kept) * 5


@pytest.mark.parametrize(
    ("part", "field"),
    [("train", "seeds"), ("train", "epochs"), ("train", "chunk"), ("model", "widths"), ("train", "base_seed")],
)
def test_what_no_machine_has_is_refused_and_the_field_named(part, field):
    value = (2**40,) if field == "widths" else 2**40
    config, model = TrainConfig(seeds=2, epochs=2), ModelConfig((3,), outputs=2)
    if part == "train":
        config = dataclasses.replace(config, **{field: value})
    else:
        model = ModelConfig(value, outputs=2)
    with pytest.raises(InputError, match=field) as caught:
        train.check(config, networks.build(model), SPLITS)
    assert "\n" not in str(caught.value)


def test_a_size_is_refused_from_the_machines_memory_on(monkeypatch):
    config, model = TrainConfig(seeds=4, epochs=3), networks.build(ModelConfig((3,), outputs=2))
    needed = sum(sizes.training(config, model, SPLITS).values())
    monkeypatch.setattr(machine, "memory", lambda: needed)
    sizes.check(config, model, SPLITS)
    monkeypatch.setattr(machine, "memory", lambda: needed - 1)
    with pytest.raises(InputError, match=r"would take .* GiB of memory, and this machine has .* use a smaller"):
        sizes.check(config, model, SPLITS)


def test_a_batch_of_more_than_all_images_is_all_of_them():
    model = networks.build(ModelConfig((3,), outputs=2))
    found = [
        train.fit_ensemble(model, SPLITS, TrainConfig(seeds=1, epochs=2, batch_size=size)).networks.variables
        for size in (40, 2**31 - 1)
    ]
    for one, other in zip(*map(jax.tree.leaves, found), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)  # chunks differ, and so does rounding
