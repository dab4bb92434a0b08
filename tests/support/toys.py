"""The toy run that the shared fixture trains, and random data."""

import numpy as np

from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits

TOY = RunConfig(
    DataConfig("strokes", train_size=500),
    ModelConfig((8, 6), outputs=2),
    TrainConfig(seeds=5, epochs=3, batch_size=32, learning_rate=0.01, snapshots=(0, 2)),
)


def random_splits(examples=50, pixels=6, classes=3):
    """Three splits of random images and labels."""
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(3, examples, pixels)).astype(np.float32)
    labels = rng.integers(0, classes, (3, examples)).astype(np.int32)
    return Splits(*(Dataset(*pair) for pair in zip(images, labels, strict=True)))
