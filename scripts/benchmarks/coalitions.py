"""How fast are all coalitions of a layer, and Shapley values from them, compared with captum's sampling?

The networks are those of recipe bottleneck-neurons, on all test images; the last hidden layer has 16 units, and each
other unit is set to 0. The tables are of untrained networks, since time does not depend on the weights. Shapley values
are of F1 of one digit, in a network that was trained for an epoch, since captum's error depends on it: `Shapley value
sampling` walks through random orders of the units. Its error is estimated from its turns, and its rate is scaled to the
number of orders that gives a standard error of ERROR. Ours has no such error, and gives all digits at once.
"""

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers, processes
from benchmarks.ablation import untrained
from benchmarks.memory import peak
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, rows, spread
from jaxinterp import data, ensemble, networks, recipes, train
from jaxinterp.analysis import coalitions
from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

ERROR = 1e-3  # of F1
ORDERS = 2  # that captum draws per turn
DIGIT = 4
PEAK_SEEDS = 4
EPOCHS = 1
TARGETS = {"captum": "≥ 1000"}


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    test = jax.device_put(splits.test)
    many = untrained(options.seeds, test.images.shape[-1])
    every = jax.jit(ensemble.over_devices(tables))
    whole = jax.jit(ensemble.over_devices(partial(tables, of=all_values)))
    network = trained(splits)
    values = jax.jit(f1)(network, test)
    alone = {
        "tables": race({"ours": Contestant(options.seeds, calls(every, many, test))}, 1)["ours"],
        "all values": race({"ours": Contestant(options.seeds, calls(whole, many, test))}, 1)["ours"],
        "interactions": race({"ours": Contestant(1, calls(jax.jit(coalitions.shapley), values))}, options.rounds)[
            "ours"
        ],
    }
    results = [
        _seconds(f"F1 of all subsets, {options.seeds} networks", alone["tables"], "< 150"),
        _seconds(f"all values of all subsets, {options.seeds} networks", alone["all values"], "< 150"),
        _seconds("interactions of all orders, one network", alone["interactions"], "< 1"),
    ]
    timings = shapley_race(network, test, options)
    missing = peers.missing("captum")
    results += rows("Shapley values, one digit", "digits/s", timings, TARGETS, missing=missing)
    used = processes.call("coalitions", "peak_of_tables", PEAK_SEEDS)
    note = f"process's peak: all values of all subsets of {PEAK_SEEDS} networks, one for each device at a time"
    results.append(Result("memory", "GB", spread([used / 1e9]), target="< 1.5", note=note))
    return alone | timings | {"peak": used}, results


def f1(network: Network, test: Dataset) -> jax.Array:
    """F1 of every class with every subset of units."""
    return coalitions.f1(coalitions.table(network, test))


def all_values(network: Network, test: Dataset) -> jax.Array:
    """Accuracy with every subset, and each class's recall, precision, F1, margin and loss: "values subsets"."""
    found = coalitions.table(network, test)
    of_classes = coalitions.recall(found), coalitions.precision(found), coalitions.f1(found), found.margin, found.loss
    return jnp.concatenate([*of_classes, coalitions.accuracy(found)[None]])


def tables(many: Network, test: Dataset, of: Callable = f1) -> jax.Array:
    """What is left of each network's table: the mean over subsets, so that memory holds one table at a time."""
    return ensemble.over_seeds(lambda network, test: of(network, test).mean(axis=-1), chunk=1)(many, test)


def peak_of_tables(seeds: int) -> int | None:
    """The most bytes that this process ever held while it made all values of so many networks."""
    ensemble.use_every_core()
    test = jax.device_put(data.load(DataConfig()).test)
    many = untrained(seeds, test.images.shape[-1])
    jax.block_until_ready(jax.jit(ensemble.over_devices(partial(tables, of=all_values)))(many, test))
    return peak()


def shapley(network: Network, test: Dataset) -> jax.Array:
    """Shapley values of F1: "classes units"."""
    return coalitions.of_units(coalitions.shapley(f1(network, test)))


def trained(splits: data.Splits) -> Network:
    """One of the recipe's networks after EPOCHS."""
    config = recipes.config("bottleneck-neurons", seeds=1)
    settings = dataclasses.replace(config.train, epochs=EPOCHS, snapshots=())
    fitted = train.fit_ensemble(networks.build(config.model), splits, settings)
    return ensemble.take(fitted.networks, 0)


def shapley_race(network: Network, test: Dataset, options: Options) -> dict[str, Timing]:
    """Ours and captum; work is in digits whose Shapley values are known to ERROR."""
    contestants = {"ours": Contestant(network.model.outputs, calls(jax.jit(shapley), network, test))}
    drawn: list[np.ndarray] = []
    if peers.captum is not None:
        contestants["captum"] = Contestant(1, captum(network, test, drawn))
    timings = race(contestants, options.rounds)
    if "captum" in timings:
        variance = float(np.mean(np.var(drawn, axis=0, ddof=1)))  # of a turn
        timings["captum"] = timings["captum"]._replace(work=ERROR**2 / variance)
    return timings


def captum(network: Network, test: Dataset, drawn: list[np.ndarray], orders: int = ORDERS) -> Iterator[np.ndarray]:
    """captum's estimate from so many orders per turn, which is also added to the list."""
    torch = peers.torch
    torch.set_num_threads(ensemble.cores())
    hidden = torch.tensor(np.array(network(test.images)[1][coalitions.last_site(network.model)]))
    last = peers.torch_model(network.variables["params"])[-1]
    own = torch.tensor(np.array(test.labels)) == DIGIT

    def value(kept):
        with torch.no_grad():
            found = last(hidden * kept).argmax(dim=1) == DIGIT
        return 2 * (found & own).sum() / (found.sum() + own.sum())

    method = peers.captum.ShapleyValueSampling(value)
    while True:
        found = method.attribute(torch.ones(1, hidden.shape[1]), n_samples=orders)[0].numpy()
        drawn.append(found)
        yield found


def _seconds(name: str, timing: Timing, target: str) -> Result:
    return Result(name, "s", spread(timing.seconds), target=target, note=timing.compiling)
