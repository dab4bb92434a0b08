"""Do units carry more features than there are units? A toy model that is known to, and dictionaries of the layer.

Row 4.12. The toy model shows what superposition is, and that it needs sparse features. For the networks, sparse
dictionaries are fitted to the last hidden layer, twice: a feature counts if both have it. All of it uses training
images, some to fit and others to score. Networks of six units are those of another write-up's recipe.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import controls, ensemble
from jaxinterp.analysis import dictionaries, directions, matching, responses, superposition
from jaxinterp.data import Dataset, spaced_rows
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Difference, Given
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results

TOY, DICTIONARIES, SHARED = "toy-superposition", "dictionaries", "shared-features"
SIX = "llm-labels"

FEATURES, HIDDEN, SAMPLES, STEPS = 5, 2, 32, 3000  # of the toy model
SPARSITIES = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98, 0.99)
DENSE, SPARSE = SPARSITIES[0], SPARSITIES[-2]

MULTIPLE, LARGEST_K, K, FITTING_STEPS = 2, 4, 3, 500  # features for each unit; features for each activation
FITTED_ON, SCORED_ON = 6000, 1000  # training images
AS_IS, SHUFFLED = ARRANGEMENTS = ("as they are", "units shuffled")
DICTIONARY, COMPONENTS, RANDOM, OWN = KINDS = ("dictionary", "principal components", "random directions", "units")
CLASS_SHUFFLED = "shuffled within class"


class Toy(NamedTuple):
    """Toy models of features of equal importance: number kept, dimension of each, and the best sample's weights."""

    kept: Float[Array, "samples sparsities"]
    dimensionality: Float[Array, "samples sparsities features"]
    weight: Float[Array, "sparsities hidden features"]


class Dictionaries(NamedTuple):
    """Of one network's last hidden layer; scored on images that no dictionary was fitted to.

    explained: share of variance by k of as many directions, chosen for each image, by kind of directions. found: number
    of features that two dictionaries of the layer share, opposite ones counted once, over its number of units that
    vary; used: of all those that one uses, likewise. active: features used for an image, on average. selectivity: AUC
    of the activation along each direction, for the class that it separates best, by high or by low values; mean over
    those that vary.
    """

    explained: Float[Array, "kinds ks"]
    found: Float[Array, " arrangements"]
    used: Float[Array, " arrangements"]
    active: Float[Array, ""]
    selectivity: Float[Array, " kinds"]


class SharedFeatures(NamedTuple):
    """Mean correlation, over other images, of matched features and of matched units, for all pairs of networks."""

    features: Float[Array, "conditions seeds seeds"]
    units: Float[Array, "conditions seeds seeds"]


def toy(inputs: Mapping[str, Inputs]) -> Toy:
    """The toy models; they have nothing to do with the run."""
    fit = jax.jit(superposition.fit, static_argnames=("units", "steps"))
    importance = np.ones(FEATURES, np.float32)
    keys, sparsities = ensemble.keys(0, SAMPLES), np.array(SPARSITIES, np.float32)
    models, loss = fit(keys, sparsities, importance, units=HIDDEN, steps=STEPS)
    best = jnp.argmin(loss, axis=0)
    return Toy(
        jax.vmap(jax.vmap(superposition.kept))(models.weight),
        jax.vmap(jax.vmap(superposition.dimensionality))(models.weight),
        models.weight[best, jnp.arange(len(SPARSITIES))],
    )


def measure(network: Network, key, fitted: Dataset, scored: Dataset) -> Dictionaries:
    """Two dictionaries of the last hidden layer of one network, and of its units shuffled independently."""
    site, classes = neurons.site(network.model), network.model.outputs
    train, test = (network(own.images)[1][site] for own in (fitted, scored))
    units = train.shape[1]
    fits, drawn, *shuffling = jax.random.split(key, 4)
    shuffled = [controls.independent_columns(*own) for own in zip(shuffling, (train, test), strict=True)]

    def pair(train, test):
        """The first of two dictionaries, its code, and the numbers of features found twice, and used."""
        own = jax.vmap(_fit, (0, None))(jax.random.split(fits), train)
        code = jax.vmap(partial(dictionaries.code, k=K), (0, None))(own, test)
        alive = jax.vmap(dictionaries.alive)(code)
        found = dictionaries.found_again(*own.directions, *alive)
        return (
            jax.tree.map(lambda leaf: leaf[0], own),
            code[0],
            dictionaries.lines(own.directions[0], found),
            jnp.mean(jnp.sum(alive, axis=1)),
        )

    arranged = [jnp.stack(own) for own in zip((train, test), shuffled, strict=True)]
    dictionary, code, found, used = jax.vmap(pair)(*arranged)
    live = jnp.maximum(jnp.sum(jnp.max(train, axis=0) > jnp.min(train, axis=0)), 1)
    random = jax.random.normal(drawn, (MULTIPLE * units, units))
    rows = {
        DICTIONARY: dictionary.directions[0],
        COMPONENTS: dictionaries.principal_directions(train),
        RANDOM: random / jnp.linalg.norm(random, axis=1, keepdims=True),
        OWN: jnp.eye(units),
    }
    values = {name: directions.coordinates(test, own.T) for name, own in rows.items()}
    ks = range(1, LARGEST_K + 1)
    return Dictionaries(
        jnp.stack([jnp.stack([dictionaries.explained_by(rows[name], test, k=k) for k in ks]) for name in KINDS]),
        found / live,
        used / live,
        jnp.mean(jnp.sum(code[0] > 0, axis=1)),
        jnp.stack([_selectivity(values[name], scored, classes) for name in KINDS]),
    )


def _fit(key, activations: Array) -> dictionaries.Dictionary:
    return dictionaries.fit(key, activations, features=MULTIPLE * activations.shape[1], k=K, steps=FITTING_STEPS)


def _selectivity(values: Array, scored: Dataset, classes: int) -> Array:
    auc = responses.selectivity(values, scored.labels, classes=classes, bins=1).auc
    best = jnp.nanmax(jnp.maximum(auc, 1 - auc), axis=0)  # the sign of a direction may be arbitrary
    return jnp.nanmean(jnp.where(jnp.std(values, axis=0) > 0, best, jnp.nan))


def shared_features(inputs: Mapping[str, Inputs]) -> SharedFeatures:
    """One dictionary of every network, trained and untrained, and all pairs of them."""
    (own,) = inputs.values()
    fitted, scored = _images(own)

    def values(network: Network, key, fitted: Dataset, scored: Dataset):
        train, test = (network(part.images)[1][neurons.site(network.model)] for part in (fitted, scored))
        return dictionaries.code(_fit(key, train), test, k=K), test

    lifted = jax.jit(ensemble.over_seeds(values, chunk=8, keyed=True))
    drawn = jax.random.split(own.key(_KEY))
    trained = lifted(own.networks, own.network_keys(_KEY), fitted, scored)
    before = lifted(own.untrained, own.network_keys(_KEY), fitted, scored)

    def shuffled(activations):
        keys = jax.random.split(drawn[1], len(activations))
        return jax.vmap(controls.shuffled_within_class, (0, 0, None))(keys, activations, jnp.asarray(scored.labels))

    tables = [
        jnp.stack(
            [
                matching.matched_correlation(before[part], key=drawn[0]),
                matching.matched_correlation(trained[part], shuffled(trained[part]), key=drawn[0]),
                matching.matched_correlation(trained[part], key=drawn[0]),
            ]
        )
        for part in range(2)
    ]
    return SharedFeatures(*tables)


_KEY = 4  # of the study's keys


def _images(inputs: Inputs) -> tuple[Dataset, Dataset]:
    """Training images to fit dictionaries to, and others to score them on."""
    train = inputs.splits.train
    count = len(train.labels)
    scored = spaced_rows(count, min(SCORED_ON, count // 2))
    rest = np.setdiff1d(np.arange(count), scored)
    return train.take(rest[spaced_rows(len(rest), FITTED_ON)]), train.take(scored)


def _coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    return {"kinds": KINDS, "ks": range(1, LARGEST_K + 1), "arrangements": ARRANGEMENTS}


MEASUREMENTS = (
    EnsembleMeasurement(TOY, toy, lambda inputs: {"sparsities": SPARSITIES}, slow=True),
    Measurement(
        DICTIONARIES,
        measure,
        _images,
        _coords,
        conditions=(UNTRAINED, TRAINED),
        recipes=(neurons.NAME, SIX),
        key=_KEY,
        chunk=8,
        slow=True,
    ),
    EnsembleMeasurement(
        SHARED,
        shared_features,
        lambda inputs: {"conditions": (UNTRAINED, CLASS_SHUFFLED, TRAINED)},
        slow=True,
    ),
)


def claims(results: Results) -> list[Claim]:
    """Row 4.12, where it has been measured."""
    if not {TOY, DICTIONARIES, SHARED} <= set(results):
        return []
    found = results[DICTIONARIES]
    by_recipe = [_of_recipe(found.sel(recipes=recipe), recipe) for recipe in found.recipes.to_numpy()]
    return [_of_toy(results[TOY]), *(claim for own in by_recipe for claim in own), _of_pairs(results[SHARED])]


def _of_toy(found: xr.Dataset) -> Claim:
    sparse, dense = (found.sel(sparsities=sparsity) for sparsity in (SPARSE, DENSE))
    return Claim(
        row="4.12",
        name="toy",
        text=f"Sparse features are kept in superposition: how many of {FEATURES} a toy model of {HIDDEN} units keeps",
        published="“superposition”",
        quantity=f"number of features kept, of which {SPARSE:.0%} are absent,",
        measured=sparse.kept,
        controls={"no feature is ever absent": dense.kept},
        score=Difference(),
        rule=above(0.0),
        shown={
            "most dimensions of a feature": sparse.dimensionality.max("features"),
            "the same, never absent": dense.dimensionality.max("features"),
        },
        note=f"{SAMPLES} toy models, which have nothing to do with the networks. Each feature of a pentagon has 0.4 "
        "dimensions.",
    )


def _of_recipe(found: xr.Dataset, recipe: str) -> list[Claim]:
    units = 6 if recipe == SIX else None
    suffix, layer = (" six", f"the hidden layer of {units} units") if units else ("", "the last hidden layer")
    trained, untrained = (found.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    real, shuffled = (trained.found.sel(arrangements=name) for name in ARRANGEMENTS)
    explained = trained.explained.sel(ks=K)
    common = {"row": "4.12", "published": "“superposition and polysemanticity”", "recipes": (recipe,)}
    return [
        Claim(
            name=f"features{suffix}",
            text=f"There are more features than units in {layer}: features that two dictionaries share, for each unit "
            "that varies",
            quantity="features found twice, for each unit, less 1, or less those of shuffled units if they have more",
            measured=real,
            controls={
                UNTRAINED: untrained.found.sel(arrangements=AS_IS),
                SHUFFLED: shuffled,
            },
            score=Given(real - shuffled.clip(min=1.0), None),
            rule=above(0.0),
            shown={
                "features that either uses": trained.used.sel(arrangements=AS_IS),
                "used for an image": trained.active,
            },
            note=f"Dictionaries of {MULTIPLE} features for each unit, of which {K} give an activation back. Found "
            f"twice: one-to-one, with a cosine above {dictionaries.FOUND}; opposite ones count once.",
            **common,
        ),
        Claim(
            name=f"sparse{suffix}",
            text=f"Sparse features describe {layer} better than other directions: share of variance by {K} of them",
            bounds=SIGNED,
            quantity=f"share of variance that {K} directions explain, chosen for each image,",
            measured=explained.sel(kinds=DICTIONARY),
            controls={name: explained.sel(kinds=name) for name in KINDS if name != DICTIONARY},
            score=Difference(),
            rule=above(0.0),
            shown={f"dictionary, {UNTRAINED}": untrained.explained.sel(ks=K, kinds=DICTIONARY)},
            note="All by matching pursuit, on images that no direction was fitted to; as many random directions as "
            "features.",
            **common,
        ),
        Claim(
            name=f"selective{suffix}",
            text=f"Features stand for single classes more than the units of {layer} do: AUC along their directions",
            bounds=SHARE,
            quantity="AUC for the class that a direction separates best",
            measured=trained.selectivity.sel(kinds=DICTIONARY),
            controls={name: trained.selectivity.sel(kinds=name) for name in KINDS if name != DICTIONARY},
            score=Difference(),
            rule=above(0.0),
            shown={f"features, {UNTRAINED}": untrained.selectivity.sel(kinds=DICTIONARY)},
            **common,
        ),
    ]


def _of_pairs(found: xr.Dataset) -> Claim:
    trained = found.sel(conditions=TRAINED)
    return Claim(
        row="4.12",
        name="shared",
        text="Two networks share features more than units: correlation of matched features, over images",
        published="—",
        bounds=SIGNED,
        quantity="correlation of features, matched on other images",
        measured=trained.features,
        controls={
            "matched units": trained.units,
            CLASS_SHUFFLED: found.features.sel(conditions=CLASS_SHUFFLED),
            UNTRAINED: found.features.sel(conditions=UNTRAINED),
        },
        score=Difference(),
        rule=above(0.0),
        shown={f"units, {name}": found.units.sel(conditions=name) for name in (CLASS_SHUFFLED, UNTRAINED)},
        note=f"{MULTIPLE} features for each unit.",
    )
