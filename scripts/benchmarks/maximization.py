"""How fast is activation maximisation, compared with torch-lucent, and how close does it come to the optimum?

The networks are those of recipe bottleneck-neurons, untrained, since time does not depend on the weights. Ours makes
the images of all hidden units, restarts and networks in one program. lucent makes one image per call, with the same
number of steps, in either of its parametrisations, without its transformations, which would only slow it down. For the
first layer the best image in [0, 1] is known: which share of its gain over the blank image does each method reach?
"""

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers
from benchmarks.ablation import untrained
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, calls, race, rows, spread
from jaxinterp import data, ensemble
from jaxinterp.analysis.maximization import maximize, objectives, optima
from jaxinterp.networks import Network

RESTARTS, STEPS = 8, 256
PARAMETRIZATIONS = {"lucent, pixels": {"fft": False, "sd": 0.5}, "lucent, fourier": {"fft": True}}
TARGETS = dict.fromkeys(PARAMETRIZATIONS, "≥ 200")


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    many = untrained(options.seeds, splits.test.images.shape[-1])
    one, name = ensemble.take(many, 0), f"maximisation, {STEPS} steps"
    timings = race({"ours": ours(many)} | {peer: lucent(one, peer) for peer in _peers()}, options.rounds)
    results = list(rows(name, "images/s", timings, TARGETS, missing=peers.missing("torch-lucent")))
    mine = timings["ours"]
    note = f"{mine.work:.0f} images: all hidden units, {RESTARTS} restarts, {options.seeds} networks"
    results.append(Result("all of them", "s", spread(mine.seconds), target="< 10", note=note))
    target = "≥ .99"
    gains = np.asarray(jax.jit(ensemble.over_seeds(first_layer_gains, chunk=1))(many))
    note = "lowest of the first layer's units: share of the closed form's gain"
    results.append(Result("optimum reached, ours", "", spread([float(gains.min())]), target=target, note=note))
    for peer in PARAMETRIZATIONS:
        row = Result(f"optimum reached, {peer}", "", None, note=peers.missing("torch-lucent"))
        if peer in timings:
            row = row._replace(rate=spread([float(lucent_gains(one, peer).min())]), note="one network; as above")
        results.append(row)
    return timings, results


def every_unit(network: Network) -> list[jax.Array]:
    """The images of all units of every hidden layer: "units restarts pixels" per layer."""
    images = []
    for layer, width in enumerate(network.model.widths):
        objective = objectives.units(f"hidden{layer}/pre", jnp.arange(width))
        ascent = maximize(jax.random.key(layer), network, objective, objectives=width, restarts=RESTARTS, steps=STEPS)
        images.append(ascent.images)
    return images


def ours(many: Network) -> Contestant:
    """All units, restarts and networks per turn."""
    images = sum(many.model.widths) * RESTARTS * ensemble.size(many)
    return Contestant(images, calls(jax.jit(ensemble.over_seeds(every_unit, chunk=1)), many))


def first_layer_gains(network: Network) -> jax.Array:
    """The share of the closed form's gain that each first-layer unit's best image reaches: "units"."""
    return gains(network, every_unit(network)[0])


def gains(network: Network, images) -> jax.Array:
    """Gain over the blank image, best over restarts, as a share of the closed form's gain: "units"."""
    weights, _ = optima.affine(network)
    reached = jnp.einsum("urp,up->ur", images, weights, precision=jax.lax.Precision.HIGHEST)
    return jnp.max(reached, axis=-1) / jnp.sum(jnp.maximum(weights, 0), axis=-1)


def lucent(network: Network, peer: str) -> Contestant:
    """One image per turn, unit after unit of both layers."""
    units = [(layer, unit) for layer, width in enumerate(network.model.widths) for unit in range(width)]
    draw = lucent_image(network, peer)

    def turns() -> Iterator[Any]:
        for layer, unit in cycle(units):
            yield draw(layer, unit)

    return Contestant(1, turns())


def lucent_image(network: Network, peer: str):
    """A function from a unit's layer and number to lucent's image of it."""
    model, torch = peers.torch_model(network.variables["params"]), peers.torch
    torch.set_num_threads(ensemble.cores())
    flat = torch.nn.Sequential(torch.nn.Flatten(), *model)
    side, _ = data.image_shape(model[0].in_features)
    torch.manual_seed(0)

    def draw(layer: int, unit: int):
        objective = peers.lucent.objectives.channel(str(2 * layer + 1), unit)
        start = partial(peers.lucent.param.image, side, channels=1, **PARAMETRIZATIONS[peer])
        (image,) = peers.lucent.render.render_vis(
            flat,
            objective,
            start,
            transforms=[],
            preprocess=False,
            progress=False,
            show_image=False,
            fixed_image_size=side,
            thresholds=(STEPS,),
        )
        return image.reshape(-1)

    return draw


def lucent_gains(network: Network, peer: str) -> np.ndarray:
    """`first_layer_gains` for one image of lucent per unit."""
    draw = lucent_image(network, peer)
    images = np.stack([draw(0, unit) for unit in range(network.model.widths[0])])
    return np.asarray(gains(network, images[:, None]))


def _peers() -> list[str]:
    return list(PARAMETRIZATIONS) if peers.lucent is not None else []
