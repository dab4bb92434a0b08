"""Networks of every kind with random variables, so that no term is hidden by a zero or a one."""

import jax

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.networks import Network


def random_network(config: ModelConfig, pixels: int, key) -> Network:
    """A network with every variable random, variances and scales positive."""
    network = networks.init(key, networks.build(config), pixels)
    leaves, tree = jax.tree.flatten(network.variables)
    keys = jax.random.split(key, len(leaves))
    drawn = [jax.random.uniform(k, leaf.shape, minval=0.1, maxval=0.6) for k, leaf in zip(keys, leaves, strict=True)]
    return network.replace(variables=jax.tree.unflatten(tree, drawn))
