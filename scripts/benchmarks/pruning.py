"""How fast is retraining after pruning, of all criteria, levels and networks in one program, compared with PyTorch?

The networks are those of recipe bottleneck-neurons, untrained, since time does not depend on the weights. The PyTorch
loop retrains one pruned network per round in the plain way, with the masks of torch.nn.utils.prune; both are scaled to
networks that pass once over the images.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from benchmarks import peers, training
from benchmarks.ablation import untrained
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, calls, race, rows
from jaxinterp import data, ensemble, recipes
from jaxinterp.analysis import pruning
from jaxinterp.config import RunConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

SEEDS, EXAMPLES = 8, 6400
SHARES = np.arange(8) / 8


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    config = recipes.config("bottleneck-neurons", seeds=SEEDS)
    many, some = untrained(SEEDS, splits.train.images.shape[-1]), splits.train.take(slice(EXAMPLES))
    masks = weight_masks(many, some)
    number = SEEDS * len(pruning.CRITERIA) * len(SHARES)
    contestants = {"ours": Contestant(number, ours(many, masks, some, config))}
    if peers.torch is not None:
        peers.torch.set_num_threads(ensemble.cores())
        contestants["torch loop"] = Contestant(1, training.torch_loop(torch_models(many, masks), config, some))
    timings = race(contestants, options.rounds)
    name = f"{len(pruning.CRITERIA)} criteria × {len(SHARES)} levels × {SEEDS} networks"
    unit, missing = f"networks × {len(some.labels)} images/s", peers.missing("torch")
    return timings, list(rows(name, unit, timings, {"torch loop": "≥ 10"}, missing=missing))


def weight_masks(many: Network, some: Dataset) -> Any:
    """The masks of every network: leaves are "seeds prunings …"."""

    def of_network(network, key, images):
        scores = pruning.weight_scores(network, images, key, loss="cross_entropy")
        masks = pruning.weight_masks(network, scores, SHARES)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), masks)

    few = some.take(slice(1000))
    return jax.jit(ensemble.over_seeds(of_network, chunk=1, keyed=True))(
        many, ensemble.keys(0, ensemble.size(many)), few
    )


def ours(many: Network, masks: Any, some: Dataset, config: RunConfig) -> Iterator[Any]:
    """All prunings of all networks, retrained by one pass over the images per turn. Yields the networks."""
    packed = jax.device_put(some.replace(images=data.pack(some.images)))

    def of_share(seeded, packed):
        def one(own):
            network, masks, key = own
            return pruning.retrained(network, masks, key, packed, config=config.train, epochs=1)

        return jax.lax.map(one, seeded)

    seeded = many, masks, ensemble.keys(0, ensemble.size(many))
    return calls(jax.jit(ensemble.over_devices(of_share)), seeded, packed)


def torch_models(many: Network, masks: Any) -> list[Any]:
    """Every pruned network as a PyTorch module whose parameters are masked by torch.nn.utils.prune."""
    prunings = jax.tree.leaves(masks)[0].shape[1]
    return [_torch_model(many, masks, *place) for place in np.ndindex(ensemble.size(many), prunings)]


def _torch_model(many: Network, masks: Any, seed: int, pruning: int) -> Any:
    params = jax.tree.map(lambda leaf: leaf[seed], many.variables["params"])
    masking = peers.torch_model(jax.tree.map(lambda leaf: leaf[seed, pruning], masks))
    model, prune = peers.torch_model(params), importlib.import_module("torch.nn.utils.prune")
    for layer, mask in zip(model[::2], masking[::2], strict=True):
        for part in ("weight", "bias"):
            prune.custom_from_mask(layer, part, getattr(mask, part).data)
    return model
