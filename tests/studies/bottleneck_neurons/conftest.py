"""The study measured on the toy run and on a network with planted roles, once for all of its topics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted

from jaxinterp import networks, store
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Splits
from jaxinterp.networks import Network
from jaxinterp.studies import runner
from jaxinterp.studies.bottleneck_neurons import STUDY
from jaxinterp.studies.inputs import Inputs
from jaxinterp.train import History


@pytest.fixture(scope="session")
def measure(tmp_path_factory):
    """A function from networks, their config and data to the study's results but for what is slow."""

    def measured(networks, config, splits, *, diverged=(), path=None):
        never = np.zeros((config.train.seeds, 1, 3))
        ended = np.isin(np.arange(config.train.seeds), diverged).astype(int)
        history = History(never, never, never[..., None], ended, ended, ended)
        path = path or tmp_path_factory.mktemp("run")
        inputs = Inputs(STUDY.name, path, store.Run(config, networks, history), splits)
        return runner.measure(STUDY, path, {STUDY.name: inputs}, slow=False)

    return measured


@pytest.fixture(scope="session")
def toy_inputs(toy, tmp_path_factory):
    """The toy run, as stored with its snapshots."""
    config, splits, trained = toy
    path = tmp_path_factory.mktemp("runs") / "toy"
    store.save(path, config, trained, splits.test)
    return Inputs(STUDY.name, path, store.load(path), splits)


@pytest.fixture(scope="session")
def toy_results(toy_inputs):
    return runner.measure(STUDY, toy_inputs.path, {STUDY.name: toy_inputs}, slow=False)


@pytest.fixture(scope="session")
def planted_results(measure):
    """Of three copies of the network with planted roles, without the second layer, which copies the first."""
    variables = planted.network().variables
    params = {name: variables["params"][name] for name in ("hidden0", "output")}
    model = ModelConfig((planted.UNITS,), outputs=planted.CLASSES)
    copies = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), {"params": params})
    config = RunConfig(DataConfig(), model, TrainConfig(seeds=3))
    test = planted.data(400, 2)
    test = test.take(np.random.default_rng(0).permutation(len(test.labels)))  # or each half would lack two classes
    splits = Splits(planted.data(400, 1), planted.data(0), test)
    return measure(Network(networks.build(model), copies), config, splits)
