"""Images and a recipe so small that every part of the benchmark runs on them."""

import numpy as np

from jaxinterp.config import ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits

PIXELS = 25


def blobs(key, examples):
    random = np.random.default_rng(key)
    labels = random.integers(0, 10, examples).astype(np.int32)
    return Dataset(random.uniform(size=(examples, PIXELS)).astype(np.float32), labels)


def toy_splits():
    return Splits(blobs(0, 75), blobs(1, 0), blobs(2, 12))  # 75: the last batch is smaller


def config(optimizer, seeds=3):
    rate = {"sgd": 0.1, "adam": 0.01}[optimizer]
    train = TrainConfig(seeds=seeds, batch_size=16, optimizer=optimizer, learning_rate=rate)
    return RunConfig(model=ModelConfig((8, 6), initializer="torch"), train=train)
