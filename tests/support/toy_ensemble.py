"""Eight small untrained networks of 9-12-10-3, for tests that compare networks."""

from jaxinterp import controls, ensemble
from jaxinterp.networks import MLP

MODEL = MLP(widths=(12, 10), outputs=3, activation="tanh", initializer="xavier_uniform", initializer_gain=2.0)
SITES = ("hidden0/post", "hidden1/post", "logits")
PIXELS, SEEDS = 9, 8


def networks(base_seed):
    return controls.untrained(ensemble.keys(base_seed, SEEDS), MODEL, PIXELS)
