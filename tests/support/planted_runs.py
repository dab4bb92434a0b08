"""Runs of networks with planted units that nobody trained or stored, for questions that can be asked of any run."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from support import planted

from jaxinterp import networks
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Splits
from jaxinterp.networks import Network
from jaxinterp.store import Run
from jaxinterp.studies.inputs import Inputs
from jaxinterp.train import SPLITS, History

ORDER = np.array([4, 2, 0, 5, 1, 3])  # unit k of a permuted network is unit ORDER[k] of the planted one


def permuted(network: Network, order=ORDER) -> Network:
    """The same function, with the units of both layers in another order."""
    params = network.variables["params"]
    first, second, last = (params[name] for name in ("hidden0", "hidden1", "output"))
    moved = {
        "hidden0": {"kernel": first["kernel"][:, order], "bias": first["bias"][order]},
        "hidden1": {"kernel": second["kernel"][order][:, order], "bias": second["bias"][order]},
        "output": {"kernel": last["kernel"][order], "bias": last["bias"]},
    }
    return network.replace(variables={"params": moved})


def drawn(seed: int) -> Network:
    """A network of the same architecture that was never trained."""
    return networks.init(jax.random.key(100 + seed), planted.network().model, planted.PIXELS)


def run(*own: Network, diverged=(), base_seed=0, path="mine", data=None, recipe="", loss="cross_entropy") -> Inputs:
    """These networks as a run on the planted images, or on other ones; diverged: seeds."""
    test = planted.data() if data is None else data
    stacked = Network(own[0].model, jax.tree.map(lambda *leaves: jnp.stack(leaves), *(n.variables for n in own)))
    count, model = len(own), own[0].model
    accuracy = [float(np.mean(np.argmax(network(test.images)[0], 1) == test.labels)) for network in own]
    curves = np.tile(np.float32(accuracy)[:, None, None], (1, 1, len(SPLITS)))
    never = np.zeros(count, int)
    history = History(
        curves,
        curves,
        np.tile(curves[..., None], max(model.outputs, 2)),
        np.isin(np.arange(count), diverged).astype(int),
        never,
        never + 1,
    )
    settings = TrainConfig(seeds=count, epochs=1, base_seed=base_seed, loss=loss)
    config = RunConfig(DataConfig("planted"), ModelConfig(model.widths, model.outputs), settings, recipe)
    return Inputs("", Path(path), Run(config, stacked, history), Splits(test, test.take(slice(0)), test))
