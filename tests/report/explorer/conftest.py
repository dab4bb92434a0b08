import jax
import numpy as np
import pytest

from jaxinterp import ensemble, networks, train
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.networks import Network
from jaxinterp.report import explorer
from jaxinterp.store import Run


@pytest.fixture(scope="session")
def mapped_config():
    return ModelConfig((5,), 2, channels=(3, 4), pool_size=(3,), image_shape=(28, 28, 1), norm="batch")


@pytest.fixture(scope="session")
def splits(toy):
    """240 test images of full intensity steps, so that bytes hold them exactly."""
    test = toy[1].test.take(slice(240))
    return toy[1]._replace(test=test.replace(images=np.round(255 * test.images).astype(np.float32) / 255))


@pytest.fixture(scope="session")
def mapped(splits, mapped_config):
    """A payload of three networks with convolutions and every norm's parameters, freshly drawn."""
    config = RunConfig(DataConfig(), mapped_config, TrainConfig(seeds=3))
    drawn = ensemble.keys(0, 3)
    started = jax.vmap(lambda key: networks.init(key, networks.build(mapped_config), 28 * 28).variables)(drawn)
    shape, zeros = (3, 1, 3), np.zeros(3, np.int32)
    history = train.History(np.zeros(shape), np.zeros(shape), np.zeros((*shape, 2)), zeros, zeros, zeros)
    return explorer.gather(Run(config, Network(networks.build(mapped_config), started), history), splits)
