"""How fast is ablation, compared with captum and by itself?

The networks are those of recipe bottleneck-neurons, untrained, since time does not depend on the weights; the images
are the 10,000 test images. Ours and captum compute the same: how much every logit of every image loses without each
unit of a hidden layer. captum's `LayerFeatureAblation` is made for one logit per call. Without a target it treats the
logits of all images as outputs of the batch and returns results for all of them, which is undocumented. Either way it
runs the whole network for every unit. Its `FeatureAblation`, applied to the rest of the network, does not.
"""

from collections.abc import Iterator
from functools import partial
from itertools import cycle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from benchmarks import peers
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, rows, spread
from jaxinterp import controls, data, ensemble, metrics, networks, recipes
from jaxinterp.analysis import ablation, ablation_search
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network

CHUNK = 4  # units or groups that ours ablates at once
STRENGTHS = np.arange(0, 3.01, 0.25)
DRAWS = 200
CHECKED = 500  # images on which ours is compared with captum
# Values of captum's perturbations_per_eval: its default, and the fastest of 1, 4 and 32 here.
PER_LOGIT = {at_once: f"captum, one logit per call, {at_once} at once" for at_once in (1, 4)}
ALL, REST = "captum, all logits per call", "captum, rest of the network"
TARGETS = dict.fromkeys([*PER_LOGIT.values(), ALL], "≥ 100") | {REST: ""}


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    test = jax.device_put(splits.test)
    many = untrained(options.seeds, test.images.shape[-1])
    one, missing = ensemble.take(many, 0), peers.missing("captum")
    timings, results = {}, []
    for layer in range(len(one.model.widths)):
        name = f"hidden{layer}"
        timings[name] = race(contestants(one, test, layer), options.rounds)
        results += rows(name, "unit-logits/s", timings[name], TARGETS, missing=missing)
    results += deviation_results(one, splits.test)
    # One seed after another, each on all cores.
    means = jax.jit(ensemble.over_seeds(mean_ablation, chunk=1))
    alone = race({"mean-ablation": Contestant(1, calls(means, many, test))}, options.rounds)
    full = jax.jit(partial(everything, draws=DRAWS))
    alone |= race({"all of ablation": Contestant(1, calls(full, many, test, jax.random.key(0)))}, 1)
    targets = {"mean-ablation": "about 1", "all of ablation": "< 60"}
    results += [_seconds(name, timing, targets[name], options.seeds) for name, timing in alone.items()]
    return timings | {"alone": alone}, results


def untrained(seeds: int, pixels: int) -> Network:
    """The recipe's networks before training."""
    config = recipes.config("bottleneck-neurons", seeds=seeds)
    return controls.untrained(ensemble.keys(config.train.base_seed, seeds), networks.build(config.model), pixels)


def post(layer: int) -> Site:
    """The site at which a layer's units are ablated."""
    return f"hidden{layer}/post"


# Compared with captum


def changes(network: Network, test: Dataset, *, site: Site) -> jax.Array:
    """What every logit of every image loses without each unit: "units examples classes"."""

    def logits(logits, labels):
        return logits

    without = ablation.units(network, test, site=site, measure=logits, chunk=CHUNK)
    return ablation.baseline(network, test, measure=logits) - without


def contestants(network: Network, test: Dataset, layer: int) -> dict[str, Contestant]:
    """Ours, and captum in each of its ways. Work is in units × logits; a turn yields "units examples [classes]"."""
    units, classes = network.model.widths[layer], network.model.outputs
    ours = {"ours": Contestant(units * classes, calls(jax.jit(partial(changes, site=post(layer))), network, test))}
    if peers.captum is None:
        return ours
    torch, captum = peers.torch, peers.captum
    torch.set_num_threads(ensemble.cores())
    model, images = peers.torch_model(network.variables["params"]), peers.torch.tensor(np.array(test.images))
    first, rest = model[: 2 * layer + 2], model[2 * layer + 2 :]
    whole = captum.LayerFeatureAblation(model, first[-1])

    def by_unit(attributions):
        return attributions.reshape(len(images), classes, units).permute(2, 0, 1)

    def per_logit(at_once):
        for target in cycle(range(classes)):
            yield whole.attribute(images, target=target, perturbations_per_eval=at_once).T

    def rest_alone():
        with torch.no_grad():
            activations = first(images)
        return by_unit(captum.FeatureAblation(rest).attribute(activations))

    ways = {name: Contestant(units, per_logit(at_once)) for at_once, name in PER_LOGIT.items()}
    ways[ALL] = Contestant(units * classes, calls(lambda: by_unit(whole.attribute(images))))
    ways[REST] = Contestant(units * classes, calls(rest_alone))
    return ours | ways


def deviation(network: Network, test: Dataset, dtype: DTypeLike) -> float:
    """The largest difference in any logit between our changes and captum's, over all its ways and all layers."""
    with jax.enable_x64(True):  # float32 arrays stay float32
        network = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, dtype)), network)
        test = test.replace(images=np.asarray(test.images, dtype), labels=np.asarray(test.labels))
        return max(_deviation(contestants(network, test, layer)) for layer in range(len(network.model.widths)))


def _deviation(ways: dict[str, Contestant]) -> float:
    ours = np.asarray(next(ways.pop("ours").turns))

    def all_logits(turns):
        changes = next(turns)
        if changes.ndim < ours.ndim:
            changes = peers.torch.stack([changes, *(next(turns) for _ in range(ours.shape[-1] - 1))], dim=-1)
        return changes.numpy()

    return max(float(np.abs(all_logits(way.turns) - ours).max()) for way in ways.values())


def deviation_results(network: Network, test: Dataset) -> Iterator[Result]:
    """Rows with the difference between ours and captum."""
    some = test.take(slice(CHECKED))
    for dtype in ("float64", "float32"):
        row = Result(f"ours minus captum, {dtype}", "logit", None, target="≤ 1e-6", note=peers.missing("captum"))
        if peers.captum is not None:
            note = f"largest absolute: all layers, units, logits and ways, {len(some.labels)} images"
            row = row._replace(rate=spread([deviation(network, some, dtype)]), note=note)
        yield row


# By itself


def mean_ablation(network: Network, test: Dataset) -> jax.Array:
    """Accuracy of every class without each unit of all hidden layers: "units classes"."""

    def accuracy(logits, labels):
        right = metrics.correct("cross_entropy", logits, labels)
        return metrics.by_class(right, labels, classes=logits.shape[-1])

    layers = range(len(network.model.widths))
    parts = [ablation.units(network, test, site=post(n), kind="mean", measure=accuracy, chunk=CHUNK) for n in layers]
    return jnp.concatenate(parts)


def everything(many: Network, test: Dataset, key, *, draws: int) -> list[dict[str, Any]]:
    """All results of the ablation module, for each hidden layer; leaves have a leading seeds axis."""
    return [_everything(many, test, key, draws, post(layer)) for layer in range(len(many.model.widths))]


def _everything(many: Network, test: Dataset, key, draws: int, site: Site) -> dict[str, Any]:
    edits = ensemble.over_seeds(partial(all_edits, key=key, draws=draws, site=site), chunk=1)
    records, drops = edits(many, test)
    # All seeds at once, since they share the permuted labels.
    searched = partial(ablation_search.searched_p, key, labels=test.labels, classes=many.model.outputs, draws=draws)
    return records | {"searched_p": jax.vmap(searched)(drops)}


def all_edits(network: Network, test: Dataset, *, key, draws: int, site: Site) -> tuple[dict[str, Any], jax.Array]:
    """Every kind, dose, group and pair, and their predictors; and each example's drop in correctness."""

    def scores_and_right(logits, labels):
        right = metrics.correct("cross_entropy", logits, labels).astype(logits.dtype)
        return ablation.scores(logits, labels), right

    options: dict[str, Any] = {"site": site, "chunk": CHUNK}
    before, right = ablation.baseline(network, test, measure=scores_and_right)
    units = {kind: ablation.units(network, test, kind=kind, key=key, **options) for kind in ablation.KINDS[1:]}
    units["zero"], still_right = ablation.units(network, test, measure=scores_and_right, **options)
    # The group of interest: the quarter of the units that cost most accuracy.
    cost = jnp.nanmean(ablation.damage(before, units["zero"]).accuracy, axis=-1)
    order = jnp.argsort(-cost)
    steps = ablation.prefixes(order)
    worst, activation = steps[len(order) // 4], jnp.mean(network(test.images)[1][site], axis=0)
    groups = {
        "random": ablation.random_groups(key, worst, draws=draws),
        "matched": ablation.matched_groups(key, worst, activation, draws=draws),
        "curve": steps,
    }
    return {
        "before": before,
        "units": units,
        "doses": ablation.doses(network, test, STRENGTHS, **options),
        "groups": {name: ablation.groups(network, test, masks, **options) for name, masks in groups.items()},
        "interactions": ablation.interactions(network, test, **options),
        "predictors": ablation.predictors(network, test, site=site),
    }, right - still_right


def _seconds(name: str, timing: Timing, target: str, seeds: int) -> Result:
    return Result(
        f"{name}, {seeds} networks", "s", spread(timing.seconds), target=target, note=f"all layers; {timing.compiling}"
    )
