"""Is there a neuron that looks like a 4? Row 5.6: every neuron against every template, corrected for the search.

A template is a class's mean image, or that less the mean of all other images. A neuron looks like one by its weights,
by what it uses of the pixels, or by the image that maximises it. This is likeness alone: whether the neuron that looks
most like a 4 also fires for 4s is measured here, and `ablations` measures whether the network needs it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxinterp import metrics
from jaxinterp.analysis import correlation, maximization, responses, templates, top_units
from jaxinterp.data import Dataset
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network, pad_units
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import CONDITIONS, FOUR, TARGET
from jaxinterp.studies.scores import Given
from jaxinterp.studies.study import Measurement, Results

MAXIMISER = "maximiser"
VIEWS = (*maps.VIEWS, MAXIMISER)
NAMES = maps.VIEW_NAMES | {MAXIMISER: "the image that maximises it"}
TELLS = 0.8  # an AUC of .9: of a 4 and another image the 4 activates it more nine times out of ten
EXEMPLARS = 5
RESTARTS, STEPS = 4, 128


class Matches(NamedTuple):
    """How alike a layer's neurons and templates are, and how well two chosen neurons tell the target from the rest.

    neurons: correlation of every neuron with the target's template. best: the layer's highest correlation with every
    template. selective: that of each class's most selective neuron with the class's own template. auc: of the neuron
    that looks most like the target by what it uses; selective_auc: of the target's most selective neuron.
    """

    neurons: Float[Array, "layers views units"]
    best: Float[Array, "layers views kinds turns classes"]
    selective: Float[Array, "layers views turns classes"]
    auc: Float[Array, " layers"]
    selective_auc: Float[Array, " layers"]


class Cards(NamedTuple):
    """One network's most selective neuron for every class: its maps, the images that activate it most, its means.

    profile: mean activation by class of the images, in the neuron's standard deviations.
    """

    unit: Int[Array, "layers classes"]
    maps: Float[Array, "layers classes views pixels"]
    images: Float[Array, "layers classes exemplars pixels"]
    profile: Float[Array, "layers classes image_classes"]


def matches(
    network: Network, key, images, every: maps.Templates, inked: maps.Inked, choosing: Dataset, scoring: Dataset
) -> Matches:
    """Every neuron against every template; neurons are chosen on one half of the images, and scored on the other."""
    classes, seen, selective = network.model.outputs, views(network, key, images), _selective(network, choosing)
    alike = correlation.pairwise(seen.reshape(-1, seen.shape[-1]), every, inked)
    alike = jnp.moveaxis(alike, 0, -1).reshape(*every.shape[:-1], *seen.shape[:-1])
    target = maps.upright(alike)[TARGET]  # layers views units
    difference = alike[templates.KINDS.index(maps.DIFFERENCE)]  # turns classes layers views units
    own = [difference[:, jnp.arange(classes), layer, :, units] for layer, units in enumerate(selective)]
    chosen = jnp.stack([top_units.highest(target[:, VIEWS.index(maps.USED)]), selective[:, TARGET]], axis=1)
    activations = network(scoring.images)[1]
    of_chosen = [activations[layer.post][:, u] for layer, u in zip(network.model.layers, chosen, strict=True)]
    told = responses.selectivity(jnp.concatenate(of_chosen, axis=1), scoring.labels, classes=classes, bins=1)
    auc, selective_auc = told.auc[TARGET].reshape(-1, 2).T
    best = jnp.moveaxis(jnp.nanmax(alike, axis=-1), (-2, -1), (0, 1))
    return Matches(target, best, jnp.transpose(jnp.stack(own), (0, 3, 2, 1)), auc, selective_auc)


def views(network: Network, key, images) -> Float[Array, "layers views units pixels"]:
    """What every neuron sees of the pixels, by each view; NaN for units that a narrower layer does not have."""
    options = {"restarts": RESTARTS, "steps": STEPS}
    maximisers = [
        maximization.optimal_images(key, network, site=layer.pre, **options) for layer in network.model.layers
    ]
    return stack(map(pad_units, (maps.weights(network), maps.used(network, images), maximisers)), axis=1)


def _selective(network: Network, data: Dataset) -> Int[Array, "layers classes"]:
    """Each class's most selective neuron of every layer."""
    activations, classes = network(data.images)[1], network.model.outputs
    by_layer = [activations[layer.post] for layer in network.model.layers]
    return jnp.stack([responses.most_selective(own, data.labels, classes=classes) for own in by_layer])


def cards(network: Network, key, images, choosing: Dataset, scoring: Dataset) -> Cards:
    """The most selective neuron of every class in every layer."""
    activations = network(scoring.images)[1]

    def of_layer(layer, units, seen) -> Cards:
        own = activations[layer.post][:, units]
        spread = jnp.std(own, axis=0)
        standard = (own - jnp.mean(own, axis=0)) / jnp.where(spread > 0, spread, jnp.nan)
        shown = responses.exemplars(own, k=min(EXEMPLARS, len(scoring.labels))).index
        profile = metrics.by_class(standard.T, scoring.labels, classes=network.model.outputs)
        return Cards(units, jnp.swapaxes(seen[:, units], 0, 1), jnp.asarray(scoring.images)[shown], profile)

    return stack(map(of_layer, network.model.layers, _selective(network, choosing), views(network, key, images)))


def keys(inputs: Inputs):
    """Random keys of the search for maximisers, and of resample-ablation; the same for all networks."""
    return jax.random.split(inputs.key(6))


def _shared(inputs: Inputs) -> tuple:
    return keys(inputs)[0], *maps.shared(inputs), inputs.choosing, inputs.scoring


def _shared_by_cards(inputs: Inputs) -> tuple:
    return keys(inputs)[0], inputs.once(maps.sample), inputs.choosing, inputs.scoring


def _coords(inputs: Inputs) -> dict[str, Sequence[Any]]:
    return {**maps.coords(inputs), "views": VIEWS, "image_classes": inputs.labels}


MEASUREMENTS = (
    Measurement("matches", matches, _shared, _coords, CONDITIONS, chunk=2),
    Measurement("cards", cards, _shared_by_cards, _coords, example=True),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.6, whether a neuron looks like the target, and whether that or the most selective one fires for it."""
    by_layer = [results["matches"].sel(layers=layer) for layer in results["matches"].layers]
    of_views = [found.sel(views=view) for found in by_layer for view in VIEWS]
    return [*map(_search, of_views), *map(_differentiated, of_views), *map(_fires, by_layer)]


def _search(found: xr.Dataset) -> Claim:
    layer, view = found.layers.item(), found.views.item()
    trained, before = (found.best.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    any_digit = trained.max(("kinds", "classes"))
    return maps.likeness(
        found.best.sel(kinds=maps.DIFFERENCE, classes=FOUR),
        rule=above(maps.ALIKE),
        row="5.6",
        name=f"a neuron {layer} {view}",
        text=f"{layer}: a network has a neuron that looks like a {FOUR}, by {NAMES[view]}: correlation with the "
        "template",
        bounds=SIGNED,
        quantity="the layer's highest correlation with the template",
        shown={
            "the digit's mean image": trained.sel(kinds="mean", classes=FOUR, turns=maps.UPRIGHT),
            "any digit, best of all templates": any_digit.sel(turns=maps.UPRIGHT),
            f"the same, {UNTRAINED}": before.sel(turns=maps.UPRIGHT).max(("kinds", "classes")),
            "the same, turned and mirrored": any_digit.drop_sel(turns=maps.UPRIGHT),
        },
        note=f"Every value is the layer's highest. Template: mean {FOUR} less the mean of all other images.",
    )


def _differentiated(found: xr.Dataset) -> Claim:
    layer, view = found.layers.item(), found.views.item()
    return maps.likeness(
        found.selective.sel(classes=FOUR),
        rule=above(maps.ALIKE),
        row="5.6",
        name=f"differentiated {layer} {view}",
        text=f"{layer}: the most differentiated neuron for a {FOUR} looks like a {FOUR}, by {NAMES[view]}: correlation "
        "with the template",
        bounds=SIGNED,
        quantity="correlation with the template",
        published="“looks like a 4”",
        shown={
            "each digit's own neuron and template": found.selective.sel(conditions=TRAINED, turns=maps.UPRIGHT),
            "a neuron at random": found.neurons.sel(conditions=TRAINED),
        },
        note="Most differentiated: the difference of its means over the digit and over the rest is largest, in "
        "standard deviations, on one half of the test images; the template is of the training images.",
    )


def _fires(found: xr.Dataset) -> Claim:
    layer, auc = found.layers.item(), found.auc.sel(conditions=TRAINED)
    return Claim(
        row="5.6",
        name=f"fires {layer}",
        text=f"{layer}: the neuron that looks most like a {FOUR} fires for {FOUR}s: AUC against all other images",
        measured=auc,
        controls={UNTRAINED: found.auc.sel(conditions=UNTRAINED)},
        score=Given(2 * auc - 1, SIGNED),
        rule=above(TELLS),
        bounds=SHARE,
        quantity="2 AUC − 1",
        shown={"the most differentiated neuron": found.selective_auc.sel(conditions=TRAINED)},
        note=f"Looks most like: by {NAMES[maps.USED]}. The most differentiated one was {maps.SPLIT}.",
    )
