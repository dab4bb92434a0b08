"""What is measured for study `bottleneck-neurons`? The record that is kept, filled for every network of a run.

The test images are split at random into two halves: what is picked out of many, such as a class's most damaging
neuron, is chosen on the first and scored on the second.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from jaxinterp import metrics, store
from jaxinterp.analysis import ablation, responses
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import measures
from jaxinterp.studies.subjects import Subject, blanked

UNTRAINED, TRAINED = "untrained", "trained"
STATISTICS = ("mean", "sd", "share at 0")
BINS = 60
SAMPLE = 1000  # images of the histograms, gradients and maps
FAILURES = 20
_SEEDS = 8  # at once: they share the permutations of the nulls, which take longer than all else
LIT = 0.01  # share of images in which a pixel must not be 0 to count as one that the networks see


class BottleneckNeurons(NamedTuple):
    """Everything by seed; networks that diverged are NaN.

    `units` are the last hidden layer's, after the activation function. Failures and the two maps are of the network
    `example_seed` alone, with −1 or NaN where it has fewer failures. `held_out`: examples of each class in the half on
    which all of 4.5 and 4.6 is scored.
    """

    classes: tuple[str, ...]
    layers: tuple[str, ...]
    epochs: tuple[str, ...]
    statistics: tuple[str, ...]
    parts: tuple[str, ...]
    rankings: tuple[str, ...]
    measures: tuple[str, ...]
    conditions: tuple[str, ...]
    kinds: tuple[str, ...]
    doses: Float[np.ndarray, " doses"]
    edits: tuple[str, ...]
    predictors: tuple[str, ...]
    held_out: Int[np.ndarray, " classes"]
    example_seed: Int[np.ndarray, ""]
    diverged: Bool[np.ndarray, " seeds"]
    # 4.1: of the training images; shares of (unit, image) in each bin; units that never fire on the test images
    pixel_statistics: Float[np.ndarray, " statistics"]
    class_pixel_statistics: Float[np.ndarray, "classes statistics"]
    edges: Float[np.ndarray, "layers edges"]
    histogram: Float[np.ndarray, "seeds epochs layers parts bins"]
    class_histogram: Float[np.ndarray, "seeds layers parts classes bins"]
    firing_rate: Float[np.ndarray, "seeds epochs layers"]
    dead: Float[np.ndarray, "seeds epochs layers"]
    rare: Float[np.ndarray, "seeds epochs layers"]
    # 4.3: on all test images
    confusion: Float[np.ndarray, "seeds classes answers"]
    failure_image: Float[np.ndarray, "failures pixels"]
    failure_index: Int[np.ndarray, " failures"]
    failure_label: Int[np.ndarray, " failures"]
    failure_answer: Int[np.ndarray, " failures"]
    failed_by: Float[np.ndarray, " failures"]
    # 4.4: gradients point to what makes the class likelier
    ranking: Float[np.ndarray, "seeds rankings classes units"]
    gradient_sites: tuple[str, ...]
    gradient_fixed: Float[np.ndarray, "seeds gradient_sites"]
    weight_deviation: Float[np.ndarray, " seeds"]
    # 4.5: `top_…` of each class's neuron of highest index on the other half; null_index for permuted labels
    selectivity: Float[np.ndarray, "seeds measures classes units"]
    top_index: Float[np.ndarray, "seeds conditions classes"]
    top_firing: Float[np.ndarray, "seeds conditions classes"]
    null_index: Float[np.ndarray, "seeds conditions classes"]
    # 4.6: class accuracies without a unit; `worst` was chosen for the class, and `worst_class` among the classes for
    # what it lost without its worst unit, on the other half. searched_p: lowest of all units, corrected for the search.
    # Edits are of a class's worst unit under zero-ablation (redirected) and of the worst class's (worst_confusion).
    baseline: Float[np.ndarray, "seeds classes"]
    ablated: Float[np.ndarray, "seeds kinds units classes"]
    worst: Float[np.ndarray, "seeds kinds classes"]
    worst_class: Float[np.ndarray, "seeds kinds"]
    worst_accuracy: Float[np.ndarray, "seeds kinds layers classes"]
    searched_p: Float[np.ndarray, "seeds kinds classes"]
    dose_accuracy: Float[np.ndarray, "seeds units doses classes"]
    redirected: Float[np.ndarray, "seeds edits classes answers"]
    worst_confusion: Float[np.ndarray, "seeds edits classes answers"]
    predictor: Float[np.ndarray, "seeds predictors units classes"]
    # 4.8: correlation over lit pixels, mean over units; the same with the maps of other units
    map_correlation: Float[np.ndarray, "seeds conditions layers"]
    other_correlation: Float[np.ndarray, "seeds conditions layers"]
    maps_agree: Float[np.ndarray, "seeds layers"]
    saliency: Float[np.ndarray, "units pixels"]
    probe: Float[np.ndarray, "units pixels"]


def measure(subject: Subject) -> BottleneckNeurons:
    """All that the record holds. Raises InputError for a network without hidden layers or with a single output."""
    run, model, diverged = subject.run, subject.run.networks.model, subject.diverged
    if not model.widths or model.outputs < 2:
        raise InputError(
            "bottleneck-neurons needs a hidden layer and two outputs or more, "
            f"got widths {model.widths} and {model.outputs} outputs"
        )
    data, base_seed = subject.splits.test, run.config.train.base_seed
    order_key, tops_key, damage_key = jax.random.split(jax.random.key(base_seed), 3)
    order = np.asarray(jax.random.permutation(order_key, len(data.labels)))
    choosing, scoring = data.take(order[: len(order) // 2]), data.take(order[len(order) // 2 :])
    sample = data.take(order[:SAMPLE])
    lit = np.mean(data.images > 0, axis=0) >= LIT
    before = subject.untrained()
    epochs, conditions = _over_training(subject, before), {UNTRAINED: before, TRAINED: run.networks}

    def lifted(fn, *shared):
        return blanked(jax.jit(over_seeds(fn, chunk=_SEEDS))(run.networks, *shared), diverged)

    def compared(fn, *shared, ensembles: dict[str, Network]):
        """fn of every network of several ensembles, which make an axis behind seeds; it is compiled once."""
        compiled = jax.jit(over_seeds(fn, chunk=_SEEDS))
        found = [blanked(compiled(networks, *shared), diverged) for networks in ensembles.values()]
        return jax.tree.map(lambda *parts: np.stack(parts, axis=1), *found)

    edges = _edges(lifted(measures.ranges, sample.images))
    activity = compared(measures.activity, data.images, sample, edges, ensembles=epochs)
    tops = compared(measures.tops, choosing, scoring, tops_key, ensembles=conditions)
    maps = compared(measures.maps, sample.images, lit, ensembles=conditions)
    gradients = lifted(partial(measures.gradients, loss=run.config.train.loss), sample, data)
    pixel_statistics, class_pixel_statistics = _pixel_statistics(subject.splits.train, model.outputs)
    example = int(np.argmin(diverged))
    return BottleneckNeurons(
        classes=tuple(map(str, run.config.data.classes or range(model.outputs))),
        layers=measures.layers(model),
        epochs=tuple(epochs),
        statistics=STATISTICS,
        parts=measures.PARTS,
        rankings=measures.RANKINGS,
        gradient_sites=measures.gradient_sites(model),
        measures=measures.MEASURES,
        conditions=tuple(conditions),
        kinds=ablation.KINDS,
        doses=measures.STRENGTHS,
        edits=measures.EDITS,
        predictors=ablation.Predictors._fields,
        held_out=np.bincount(scoring.labels, minlength=model.outputs),
        example_seed=np.array(example),
        diverged=diverged,
        pixel_statistics=pixel_statistics,
        class_pixel_statistics=class_pixel_statistics,
        edges=edges,
        histogram=activity["histogram"],
        class_histogram=activity["class_histogram"][:, -1],
        firing_rate=activity["firing_rate"],
        dead=activity["dead"],
        rare=activity["rare"],
        confusion=lifted(partial(ablation.baseline, measure=measures.confusion), data),
        **_failures(run.networks, data, diverged, example),
        **gradients,
        selectivity=tops["selectivity"][:, -1],
        top_index=tops["index"],
        top_firing=tops["firing"],
        null_index=tops["null"],
        **lifted(measures.damage, choosing, scoring, damage_key),
        map_correlation=maps["correlation"],
        other_correlation=maps["other"],
        maps_agree=maps["agree"][:, -1],
        saliency=maps["saliency"][example, -1],
        probe=maps["probe"][example, -1],
    )


def _over_training(subject: Subject, before: Network) -> dict[str, Network]:
    """The networks untrained, at every snapshot that the run holds, and trained."""
    config = subject.run.config.train
    between = [epoch for epoch in config.snapshots if 0 < epoch < config.epochs]
    kept = [epoch for epoch in between if (subject.path / "snapshots" / str(epoch)).is_dir()]
    snapshots = {f"epoch {epoch}": store.load(subject.path, epoch=epoch).networks for epoch in kept}
    return {UNTRAINED: before, **snapshots, TRAINED: subject.run.networks}


def _pixel_statistics(data: Dataset, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """`STATISTICS` of all pixels, and of each class's."""
    mean, square = (np.mean(data.images**power, axis=1, dtype=np.float64) for power in (1, 2))
    moments = np.stack([mean, square, np.mean(data.images == 0, axis=1)])

    def statistics(members):
        mean, square, dark = moments[:, members].mean(axis=1) if members.any() else np.full(3, np.nan)
        return np.array([mean, np.sqrt(max(square - mean**2, 0)), dark])

    everything = statistics(np.ones(len(data.labels), bool))
    return everything, np.stack([statistics(data.labels == label) for label in range(classes)])


def _edges(ranges: Float[np.ndarray, "seeds layers ends"]) -> Float[np.ndarray, "layers edges"]:
    """`BINS` equal bins a layer over the range of all networks together; one of them begins at 0."""
    known = ranges[np.isfinite(ranges).all(axis=(1, 2))]
    if not len(known):
        known = np.broadcast_to([-1.0, 1.0], (1, *ranges.shape[1:]))
    low, high = np.minimum(known[..., 0].min(axis=0), 0), np.maximum(known[..., 1].max(axis=0), 1e-6)
    width = (high - low) / (BINS - 1)
    return width[:, None] * (np.arange(BINS + 1) - np.ceil(-low / width)[:, None])


def _failures(networks: Network, data: Dataset, diverged: np.ndarray, example: int) -> dict[str, Any]:
    """The most confident failures of one network, and which share of the other networks fails on them too."""
    logits = np.asarray(
        jax.jit(over_seeds(lambda network, images: network(images)[0], chunk=_SEEDS))(networks, data.images)
    )
    index = np.asarray(responses.failures(logits[example], data.labels, k=FAILURES))
    real, others = index >= 0, ~diverged & (np.arange(len(diverged)) != example)
    labels, answers = data.labels[index], np.asarray(metrics.predictions("cross_entropy", logits[:, index]))
    failed_by = np.mean(answers[others] != labels, axis=0) if others.any() else np.full(len(index), np.nan)
    return {
        "failure_image": np.where(real[:, None], data.images[index], np.nan),
        "failure_index": index,
        "failure_label": np.where(real, labels, -1),
        "failure_answer": np.where(real, answers[example], -1),
        "failed_by": np.where(real, failed_by, np.nan),
    }
