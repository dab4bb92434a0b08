"""Under which of the strides, paddings and poolings that fit is a network best? Test images tell; a user chooses."""

import dataclasses
from collections.abc import Callable, Sequence

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.foreign.accuracy import accuracies
from jaxinterp.foreign.geometry import UndecidedError
from jaxinterp.foreign.order import Known
from jaxinterp.foreign.weights import read_weights
from jaxinterp.networks import Network

_EXAMPLES = 500  # test images
_MOST = 64  # networks that are tested: each is a program of its own, which takes a second or more to compile


def rank(
    undecided: UndecidedError,
    known: Known,
    config: ModelConfig,
    test: Dataset,
    loss: str,
    pools: Sequence[str],
    say: Callable[[str], None] = lambda _: None,
) -> UndecidedError:
    """The error with test accuracies of its geometries, the best first; of very many, the plainest are tested.

    pools: the kinds of pooling that may be. say: called with one line before anything is tested.
    """
    tried = [
        (geometry, pool)
        for geometry in undecided.geometries
        for pool in (pools if max(geometry["pool_size"]) > 1 else pools[:1])
    ][:_MOST]
    say(
        f"{len(undecided.geometries)} common choices of strides, padding and pooling fit: testing {len(tried)} networks"
    )
    some, tested = test.take(slice(_EXAMPLES)), []
    for geometry, pool in tried:
        read = read_weights(undecided.path, test.images.shape[-1], known._replace(**geometry))
        model = dataclasses.replace(config, **{"pool": pool, **read.fields}, image_shape=known.image_shape)
        network = Network(networks.build(model), read.variables)
        unasked = {"pool": pool} if len(pools) > 1 and max(geometry["pool_size"]) > 1 else {}
        tested.append(({**geometry, **unasked}, float(accuracies(network, model, some, loss)[0])))
    return undecided.ranked(tested)
