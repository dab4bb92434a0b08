"""Which neurons carry the top bar of a real 7? Row 1.10 on MNIST, by activation patching of whole groups.

Units are ranked on one half of the 7s and scored on the other.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import ablation, patching, responses, strokes
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Calibrated, Claim, above
from jaxinterp.studies.one_vs_seven.carriers import DIFFERENCE
from jaxinterp.studies.one_vs_seven.common import (
    LARGEST_GROUP,
    LAYERS,
    MOST,
    ONE,
    SEVEN,
    group_size,
    labelled,
    mean,
    of_class,
    p_values,
)
from jaxinterp.studies.study import Measurement, Results

SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # for the curve; as many as there are, where a layer has fewer
DRAWS = 200


class Patched(NamedTuple):
    """What groups of a layer's units restore of the margin that a 7 loses with its top bar, as shares of that loss.

    total: that loss, in logits. restored: by the first few in order of their effect alone; top: by as many of them as
    `group_size` says; random, by_difference: by as many others. overlap: share of the top that by_difference holds.
    """

    total: Float[Array, " layers"]
    restored: Float[Array, "layers sizes"]
    top: Float[Array, " layers"]
    random: Float[Array, "layers draws"]
    by_difference: Float[Array, " layers"]
    overlap: Float[Array, " layers"]


def patched(network: Network, test: Dataset, clean: Array | np.ndarray, corrupt: Array | np.ndarray, key) -> Patched:
    """What groups of units restore of a 7's top bar; units are ranked on one half of the 7s and scored on the other."""
    others = jnp.where(jnp.asarray(test.labels) == ONE, ONE, -1)  # 7s that are scored are not ranked by
    labels = jnp.concatenate([others, jnp.full(len(clean[0::2]), SEVEN)])
    activations = network(jnp.concatenate([test.images, clean[0::2]]))[1]

    def of_layer(layer):
        options = {"site": f"{layer}/post", "first": SEVEN, "second": ONE}
        alone = patching.patch_units(network, clean[0::2], corrupt[0::2], **options)
        difference = jnp.abs(responses.class_difference(activations[f"{layer}/post"], labels, ONE, SEVEN))
        by_effect, by_difference = (jnp.argsort(jnp.argsort(-values)) for values in (alone.effect, difference))
        size, prefixes = group_size(len(difference)), by_effect < np.array(SIZES)[:, None]
        top, large = by_effect < size, by_difference < size
        masks = jnp.concatenate([prefixes, top[None], large[None], ablation.random_groups(key, top, draws=DRAWS)])
        restored, of_top, of_large, of_random = jnp.split(
            patching.patch_groups(network, clean[1::2], corrupt[1::2], masks, **options),
            np.cumsum([len(SIZES), 1, 1]),
        )
        return Patched(alone.total, restored, of_top[0], of_random, of_large[0], jnp.sum(top & large) / size)

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(of_layer, LAYERS))


def bar_twins(test: Dataset) -> tuple[Float[np.ndarray, "examples pixels"], Float[np.ndarray, "examples pixels"]]:
    """Every 7 that has a top bar, and the same without it."""
    sevens = of_class(test, SEVEN)
    bars = np.asarray(jax.jit(strokes.top_bars)(sevens))
    found = bars.any(axis=1)
    return sevens[found], np.where(bars[found], 0, sevens[found])


def _shared(inputs: Inputs) -> tuple:
    return inputs.splits.test, *bar_twins(inputs.splits.test), inputs.key(3)


MEASUREMENTS = (Measurement("top_bar", patched, _shared, labelled(layers=LAYERS, sizes=SIZES), chunk=1),)


def claims(results: Results) -> list[Claim]:
    """Row 1.10, on MNIST."""
    return [_claim(results, layer) for layer in LAYERS]


def _claim(results: Results, layer: str) -> Claim:
    found = results["top_bar"].sel(layers=layer)
    return Claim(
        row="1.10",
        name=f"MNIST {layer}",
        text=f"{LARGEST_GROUP} units of {layer} carry the top bar of real 7s: patched, they restore most of the margin",
        quantity="the share that they restore of what is lost",
        measured=found.top,
        controls={"as many random units": found.random},
        score=Calibrated(),
        shown={f"as many of largest {DIFFERENCE}": found.by_difference},
        rule=above(MOST),
        note=f"Without its bar a 7 loses {mean(found.total, 2)} logits of margin. Units are ranked by activation "
        f"patching on half of the 7s and scored on the others; largest p of a network "
        f"{mean(p_values(found.top, found.random).max())}. {mean(found.overlap)} of them are among as many of largest "
        f"{DIFFERENCE}.",
    )
