"""How fast are integrated gradients, compared with captum's, and do they add up?

The network is one of recipe bottleneck-neurons, untrained, since time does not depend on the weights. The logit is that
of each image's label. captum's quadrature has the same nodes, as many as it uses by default; it rounds their weights to
float32. Attributions are complete when they add up to the logit minus that of the blank image. The gradient of a ReLU
network jumps, so any quadrature has an error in the order of 1/steps; the exact variant, which integrates from jump to
jump, has none.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from benchmarks import peers
from benchmarks.ablation import untrained
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, calls, race, rows, spread
from jaxinterp import data, ensemble
from jaxinterp.analysis import attribution
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

EXAMPLES, STEPS = 1000, 50
CHECKED = 100  # images on which ours is compared with captum's
QUADRATURE, EXACT = f"integrated gradients, {STEPS} steps", "exact integrated gradients"
METHODS = {
    QUADRATURE: partial(attribution.integrated_gradients, steps=STEPS),
    EXACT: attribution.exact_integrated_gradients,
}
COMPLETE = {QUADRATURE: "", EXACT: "≤ 1e-5"}
TARGETS = {"captum": "≥ 10"}


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    network = ensemble.take(untrained(1, splits.test.images.shape[-1]), 0)
    test = jax.device_put(splits.test.take(slice(EXAMPLES)))
    timings, results, missing = {}, [], peers.missing("captum")
    for name, method in METHODS.items():
        ours = Contestant(EXAMPLES, calls(jax.jit(method), network, test.images, test.labels))
        timings[name] = race({"ours": ours} | captum(network, test), options.rounds)
        results += rows(name, "images/s", timings[name], TARGETS, missing=missing)
        note = "largest: sum of attributions minus difference of logits"
        error = float(jnp.abs(shortfall(network, test, method(network, test.images, test.labels))).max())
        results.append(Result(f"{name}, completeness", "logit", spread([error]), target=COMPLETE[name], note=note))
    if peers.captum is not None:
        maps = next(captum(network, test)["captum"].turns).numpy()
        error = float(jnp.abs(shortfall(network, test, maps)).max())
        results.append(Result("captum, completeness", "logit", spread([error]), note="as above"))
    return timings, results + list(deviation_results(network, splits.test))


def shortfall(network: Network, test: Dataset, maps) -> jax.Array:
    """The sum of each image's attributions minus the difference of logits: "examples"."""
    both = jnp.stack([jnp.asarray(test.images), jnp.zeros_like(test.images)])
    logits, _ = network(both)
    label_logits = jnp.take_along_axis(logits, jnp.asarray(test.labels)[None, :, None], axis=-1)[..., 0]
    return jnp.sum(maps, axis=-1) - (label_logits[0] - label_logits[1])


def captum(network: Network, test: Dataset) -> dict[str, Contestant]:
    """captum's integrated gradients of all images per turn, where it is installed."""
    if peers.captum is None:
        return {}
    torch = peers.torch
    torch.set_num_threads(ensemble.cores())
    method = peers.captum.IntegratedGradients(peers.torch_model(network.variables["params"]))
    images, labels = torch.tensor(np.array(test.images)), torch.tensor(np.array(test.labels, np.int64))

    def attribute():
        return method.attribute(images, target=labels, n_steps=STEPS).detach()

    return {"captum": Contestant(len(images), calls(attribute))}


def deviation(network: Network, test: Dataset, dtype: DTypeLike) -> float:
    """The largest difference in any pixel between our quadrature and captum's."""
    with jax.enable_x64(True):  # float32 arrays stay float32
        network = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, dtype)), network)
        test = test.replace(images=np.asarray(test.images, dtype), labels=np.asarray(test.labels))
        ours = attribution.integrated_gradients(network, test.images, test.labels, steps=STEPS)
        return float(np.abs(np.asarray(ours) - next(captum(network, test)["captum"].turns).numpy()).max())


def deviation_results(network: Network, test: Dataset) -> Iterator[Result]:
    """Rows with the difference between ours and captum."""
    some = test.take(slice(CHECKED))
    for dtype in ("float64", "float32"):
        row = Result(f"ours minus captum, {dtype}", "logit", None, target="≤ 1e-6", note=peers.missing("captum"))
        if peers.captum is not None:
            row = row._replace(rate=spread([deviation(network, some, dtype)]), note=f"largest: {CHECKED} images")
        yield row
