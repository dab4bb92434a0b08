"""Every analysis, on every kind of network: it answers for each unit, or says in one line why it cannot."""

import functools
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import ensemble, networks
from jaxinterp.analysis import (
    ablation,
    attribution,
    barriers,
    class_profiles,
    coalitions,
    counterfactuals,
    dictionaries,
    directions,
    dynamics,
    edges,
    facet_starts,
    facets,
    fragments,
    last_layer,
    locality,
    matching,
    maximization,
    patching,
    projection,
    pruning,
    responses,
    silhouettes,
    units,
)
from jaxinterp.analysis.attribution import METHODS
from jaxinterp.analysis.maximization import optima, patches
from jaxinterp.analysis.similarity import controlled
from jaxinterp.config import ModelConfig, TrainConfig
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.explanation import facts as facts_of_units

SIDE, EXAMPLES, KEY = 8, 24, jax.random.key(0)
CONVOLUTIONS = {"channels": (4, 3), "padding": (1,), "image_shape": (SIDE, SIDE, 1)}
KINDS = {
    "neurons": ModelConfig((6, 5), 3),
    "batch norm": ModelConfig((6, 5), 3, norm="batch"),
    "layer norm": ModelConfig((6, 5), 3, norm="layer", norm_position="after"),
    "convolutions": ModelConfig((5,), 3, **CONVOLUTIONS),
    "convolutions, batch norm": ModelConfig((5,), 3, norm="batch", pool="mean", **CONVOLUTIONS),
    "convolutions alone": ModelConfig((), 3, **CONVOLUTIONS),
    "one layer": ModelConfig((6,), 3),
    "one output": ModelConfig((6, 5), 1),
}
DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"


@functools.cache
def network(kind):
    """A network of a kind, with random variables of both signs."""
    made = networks.init(jax.random.key(1), networks.build(KINDS[kind]), SIDE**2)
    leaves, tree = jax.tree.flatten(made.variables)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    moved = [leaf + 0.05 * jax.random.uniform(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    return made.replace(variables=jax.tree.unflatten(tree, moved))


@functools.cache
def data(kind):
    images = jax.random.uniform(KEY, (EXAMPLES, SIDE**2))
    return Dataset(images, jnp.arange(EXAMPLES, dtype=jnp.int32) % max(KINDS[kind].outputs, 2))


def of_sites(analysis, *, pre=False):
    """The analysis at every layer, in one program. Each answer must have the layer's number of units in its shape."""

    def run(kind):
        layers = network(kind).model.layers
        sites = [(layer.pre if pre else layer.post, layer.units) for layer in layers]

        def of_all(own, some):
            return [jax.tree.leaves(analysis(own, some, site=site, units=units)) for site, units in sites]

        found = jax.jit(of_all)(network(kind), data(kind))
        assert all(units in leaf.shape for (_, units), leaves in zip(sites, found, strict=True) for leaf in leaves)
        return found

    return run


def once(analysis):
    """The analysis of a whole network, compiled as a whole, as studies do."""
    return eagerly(jax.jit(analysis))


def eagerly(analysis):
    return lambda kind: jax.tree.leaves(analysis(network(kind), data(kind)))


def raw(logits, labels):
    return jnp.sum(logits**2, axis=-1)


def measured(kind):
    return {"kind": kind, "key": KEY, "measure": raw}


def two(own):
    return ensemble.stack([own, jax.tree.map(lambda leaf: 0.9 * leaf, own)])


def matched(own, some):
    activations = jnp.stack([own.units(some.images)[own.model.layers[0].post]] * 2)
    return matching.matched_correlation(activations, activations, key=KEY)


def aligned(own, other):
    return barriers.weight_matching(own, other, KEY)


def course(own):
    return ensemble.stack([two(jax.tree.map(lambda leaf: 0.8 * leaf, own)), two(own)])


def labelled(own, some):
    return Dataset(some.images, some.labels % own.model.outputs)


def loss_of(own):
    return "squared_error" if own.model.outputs == 1 else "cross_entropy"


def pruned(own, some, what):
    """The masks of half of the units or weights, by every criterion, one after the other."""
    scores_of, masks_of = {
        "unit": (pruning.unit_scores, pruning.unit_masks),
        "weight": (pruning.weight_scores, pruning.weight_masks),
    }[what]
    scores = scores_of(own, some, KEY, loss=loss_of(own))
    masks = masks_of(own, scores, np.array([0.5]))
    return jax.tree.map(lambda leaf: leaf[:, 0], masks)


def retrained(own, some):
    config = TrainConfig(batch_size=8, loss=loss_of(own))
    labels = some.labels % max(own.model.outputs, 2)
    masks = jax.tree.map(lambda leaf: leaf[:2], pruned(own, some, "weight"))
    return pruning.retrained(own, masks, KEY, Dataset(some.images, labels), config=config, epochs=1).variables


def selective(own, some):
    activations = own.units(some.images)
    values = jnp.concatenate([activations[site] for site in units.sites(own)], axis=-1)
    return units.selectivity(values, some.labels, KEY, classes=networks.num_classes(own.model), draws=2)


def all_edits(own, some):
    """Every counterfactual that is read off one network, between the first output and the last."""
    between, images = (0, own.model.outputs - 1), some.images[:3]
    return [
        counterfactuals.read(own, images, *between),
        counterfactuals.erase_rows(own, images, *between),
        counterfactuals.fewest_window(own, images, *between),
        counterfactuals.occlusion(own, images, *between, size=4, stride=4),
    ]


def of_fragments(own, some):
    images = jnp.where(some.images > 0.5, some.images, 0)
    shown = fragments.show(KEY, images, fragments.cut(images, count=2), count=2)
    moved = fragments.moves(own, images, shown.images[0])
    effects = fragments.effects(own, some.replace(images=images), shown, KEY, np.array([0, 5]))
    # Changes of one logit form no pattern, so that how alike two patterns are is unknown.
    return moved, effects if own.model.outputs > 1 else jax.tree.map(jnp.nan_to_num, effects)


ANALYSES = {
    "responses and damage": once(
        lambda own, some: units.read(
            own, some, KEY, loss=loss_of(own), classes=networks.num_classes(own.model), exemplars=3
        )
    ),
    "selectivity and its null": once(selective),
    "structure of units": once(lambda own, some: units.structure(own, some)),
    "dead units": once(lambda own, some: [units.dead(own, some.images), units.dead_share(own, some.images)]),
    "counterfactuals": once(all_edits),
    "passes with dropout": once(lambda own, some: counterfactuals.noisy_passes(own, some.images[:3], KEY, passes=2)),
    "fragments": once(of_fragments),
    "starts of facets": once(lambda own, some: facet_starts.candidates(own, some.images[:3], own.model.layers[-1].pre)),
    "responses and selectivity": of_sites(
        lambda own, some, site, units: responses.selectivity(
            own.units(some.images)[site], some.labels, classes=3, bins=4
        )
    ),
    "exemplars": of_sites(lambda own, some, site, units: responses.exemplars(own.units(some.images)[site], k=units)),
    "ablation of single units": of_sites(
        lambda own, some, site, units: [ablation.units(own, some, site=site, **measured(k)) for k in ablation.KINDS]
    ),
    "ablation at several strengths": of_sites(
        lambda own, some, site, units: ablation.doses(own, some, np.array([0.5]), site=site, **measured("mean"))
    ),
    "ablation of groups": of_sites(
        lambda own, some, site, units: ablation.groups(
            own, some, np.eye(units, dtype=bool), site=site, **measured("mean")
        )
    ),
    "interactions": of_sites(
        lambda own, some, site, units: jnp.nan_to_num(ablation.interactions(own, some, site=site, **measured("zero")))
    ),
    "predictors of damage": of_sites(lambda own, some, site, units: ablation.predictors(own, some, site=site)),
    "ablation of directions": of_sites(
        lambda own, some, site, units: directions.replaced(
            own,
            some.images,
            jnp.zeros((1, *directions.coordinates(own(some.images)[1][site], jnp.eye(units)).shape)),
            directions.random_bases(KEY, units, draws=1)[0],
            site=site,
            measure=lambda logits: logits[:, 0],
            chunk=4,
        )
    ),
    "groups of the last layer": once(
        lambda own, some: last_layer.group_accuracies(
            own, some, np.eye(own.model.layers[-1].units, dtype=bool), KEY, chunk=4
        )
    ),
    "coalitions": once(lambda own, some: coalitions.f1(coalitions.table(own, some, kind="mean"))),
    "sampled coalitions": once(
        lambda own, some: coalitions.sampled(
            KEY, own, some, site=own.model.layers[0].post, measure=raw, pairs=8, kind="mean", chunk=8
        )
    ),
    "patching": of_sites(
        lambda own, some, site, units: (
            patching.patch_units(
                own, some.images[:8], some.images[8:16], site=site, first=0, second=min(1, own.model.outputs - 1)
            ).effect
        )
    ),
    "shifts": of_sites(
        lambda own, some, site, units: patching.shifts(own, some.images[:8], some.images[8:16], site=site)
    ),
    "principal components": of_sites(
        lambda own, some, site, units: projection.pca(own.units(some.images)[site], components=units).directions
    ),
    "trustworthiness of planes": once(
        lambda own, some: [
            projection.trustworthiness(values, projection.plane(values).scores)
            for values in (own.units(some.images)[layer.post] for layer in own.model.layers)
        ]
    ),
    "silhouettes of subspaces": of_sites(
        lambda own, some, site, units: jnp.mean(
            silhouettes.of_subspaces(own.units(some.images)[site], some.labels, np.eye(units, dtype=bool), classes=3),
            axis=1,
        )
    ),
    "profiles of classes": of_sites(
        lambda own, some, site, units: class_profiles.profile(own.units(some.images)[site], some.labels, classes=3)
    ),
    "weights on the pixels": of_sites(lambda own, some, site, units: attribution.weights(own, site=site), pre=True),
    "mean gradients": of_sites(
        lambda own, some, site, units: attribution.gradients(own, some.images, site=site), pre=True
    ),
    "locality of gradients": of_sites(
        lambda own, some, site, units: locality.locality(attribution.gradients(own, some.images, site=site)), pre=True
    ),
    "edges of the first layer": once(
        lambda own, some: edges.edges(edges.first_filters(own, (SIDE, SIDE, 1), side=3)).oriented
    ),
    "probes": of_sites(lambda own, some, site, units: attribution.probes(own, SIDE**2, site=site), pre=True),
    "gradients of logits": of_sites(
        lambda own, some, site, units: attribution.logit_gradients(own, some.images, site=site)
    ),
    **{
        f"attribution: {name}": once(
            lambda own, some, method=method: method(own, some.images[:4], np.array([0, 0, 1, 0]) % own.model.outputs)
        )
        for name, method in METHODS.items()
    },
    "conductance": of_sites(
        lambda own, some, site, units: attribution.conductance(own, some.images[:3], 0, through=site, steps=4)
    ),
    "exact conductance": of_sites(
        lambda own, some, site, units: attribution.exact_conductance(own, some.images[:3], 0, through=site)
    ),
    "deletion curves": once(lambda own, some: attribution.deletion(own, some.images, some.images, 0, steps=4)),
    "maps of randomised networks": once(
        lambda own, some: attribution.sanity(KEY, own, some.images[:3], 0, attribution.gradient)
    ),
    "connections by mean gradients": once(lambda own, some: facts_of_units.wiring(own, some.images)),
    "connections": of_sites(
        lambda own, some, site, units: attribution.connections(own, some.images, site=site, k=2).outgoing_units
    ),
    "paths": once(lambda own, some: attribution.top_paths(own, some.images[0], 0, k=3)),
    "contributions to a logit": once(lambda own, some: attribution.contributions(own, some.images, 0)),
    "maximisation": of_sites(
        lambda own, some, site, units: maximization.units(KEY, own, some.images, site=site, restarts=2, steps=4).images,
        pre=True,
    ),
    "maximisation at a position": once(
        lambda own, some: patches.units(KEY, own, site=own.model.layers[0].pre, restarts=2, steps=4).images
    ),
    "optimum of the first layer": once(lambda own, some: optima.box_optimum(*optima.affine(own))),
    "bounds": of_sites(lambda own, some, site, units: optima.interval_bounds(own, site=site), pre=True),
    "facets by maximisers": of_sites(
        lambda own, some, site, units: (
            facets.by_maximisers(KEY, own, some.images, site=site, k=2, restarts=2, steps=4).number
        ),
        pre=True,
    ),
    "facets by exemplars": of_sites(
        lambda own, some, site, units: facets.by_exemplars(KEY, own, some.images, site=site, top=8).number, pre=True
    ),
    "facets of a layer": once(
        lambda own, some: facets.of_layer(
            KEY, own, some.images, site=own.model.layers[0].post, k=2, restarts=2, steps=4
        ).sizes[:1]
    ),
    "similarity of all pairs": eagerly(
        lambda own, some: (
            controlled.compare(
                two(own), two(own), some, [layer.post for layer in own.model.layers] + ["logits"], key=KEY
            ).cka
        )
    ),
    "pruning of units": once(lambda own, some: pruned(own, some, "unit")),
    "pruning of weights": once(lambda own, some: pruned(own, some, "weight")),
    "refitting after pruning": once(
        lambda own, some: (
            pruning.refitted(own, jax.tree.map(lambda leaf: leaf[-1], pruned(own, some, "unit")), some.images).variables
        )
    ),
    "retraining after pruning": once(retrained),
    "dictionaries": of_sites(
        lambda own, some, site, units: (
            dictionaries.fit(KEY, own.units(some.images)[site], features=2 * units, k=2, steps=3).directions
        )
    ),
    "matching by activations": once(matched),
    "matching by weights": once(lambda own, some: aligned(own, ensemble.take(two(own), 1))),
    "barriers": once(
        lambda own, some: barriers.barrier(
            own,
            networks.permute(own, *aligned(own, own)),
            labelled(own, some),
            points=3,
            statistics=some.images,
            loss=loss_of(own),
        )
    ),
    "activity of layers": once(
        lambda own, some: [dynamics.activity(own.units(some.images)[layer.post]) for layer in own.model.layers]
    ),
    "drift": once(lambda own, some: dynamics.drift(course(own), some.images, KEY)),
    "what units become": once(lambda own, some: dynamics.becoming(course(own), some.images)),
    "selectivity over training": once(
        lambda own, some: dynamics.selective(course(own), some, some, site=own.model.layers[-1].post, classes=3)
    ),
    "barriers to the end": once(
        lambda own, some: dynamics.barriers_to_end(course(own), labelled(own, some), KEY, points=3, loss=loss_of(own))
    ),
}


@functools.cache
def outcome(analysis, kind):
    """ "" where the analysis answers with numbers, and else what it says."""
    try:
        found = jax.tree.leaves(ANALYSES[analysis](kind))
    except InputError as error:
        return str(error)
    assert found and all(np.isfinite(np.asarray(leaf, float)).any() for leaf in found)
    return ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("analysis", ANALYSES)
def test_an_analysis_answers_or_says_why_not(analysis, kind):
    said = outcome(analysis, kind)
    assert "\n" not in said
    assert bool(said) == ((analysis, kind) in documented()), said


@functools.cache
def documented() -> set[tuple[str, str]]:
    """The pairs of analysis and kind that the document says are refused."""
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE)
    refused = {name.strip(): kinds for name, kinds in rows}
    return {(name, kind) for name, kinds in refused.items() for kind in KINDS if f"*{kind}*" in kinds}
