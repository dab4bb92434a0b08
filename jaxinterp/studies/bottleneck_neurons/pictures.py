"""What do pictures of the last hidden layer show of its clusters, by PCA, t-SNE and UMAP?

PCA's plane is measured in every network. t-SNE and UMAP (the extra `projection`) take seconds for each picture, so they
draw a few networks, twice each: neighbours that the two pictures do not share are the method's own. With the extra, a
study takes a minute or two longer.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxinterp import controls, ensemble
from jaxinterp.analysis import projection, silhouettes
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SIGNED
from jaxinterp.studies.bottleneck_neurons import clusters, neurons
from jaxinterp.studies.bottleneck_neurons.neurons import NAME
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results

PCA = "PCA"
DRAWN = 6  # networks, so that intervals are not too long
DRAWN_SLOWLY = 2  # by t-SNE, which no claim is about: a picture takes it seconds
SHOWN = 500  # images in a picture
PERPLEXITIES = (5, 20, 50)  # the write-up's
PUBLISHED = {"UMAP": ".54"}
RERUNS = 2
LEFT_OUT = f"t-SNE and UMAP are left out: {projection.EXTRA}, then run the study again."


class Plane(NamedTuple):
    """PCA's plane of the last hidden layer: what it keeps, and the digits' mean silhouette in the layer and in it.

    share: of the variance. permuted: silhouette in the plane with permuted labels.
    """

    share: Float[Array, ""]
    layer: Float[Array, ""]
    picture: Float[Array, ""]
    permuted: Float[Array, ""]
    trustworthiness: Float[Array, ""]
    continuity: Float[Array, ""]


class Method(NamedTuple):
    """How pictures are drawn, and of how many networks. draw: from activations and a seed to a picture."""

    draw: Callable[..., np.ndarray]
    networks: int


class Pictures(NamedTuple):
    """Pictures of a few trained networks, aligned with their consensus, and what each method's pictures keep.

    Values along seeds are NaN where a network is not drawn. layer, picture: the digits' mean silhouette in the layer
    and in the picture; permuted: with permuted labels. overlap: of neighbours in two runs; fit: of the aligned picture
    with the consensus (`projection.align`).
    """

    points: Float[np.ndarray, "methods drawn examples axes"]
    labels: Int[np.ndarray, " examples"]
    layer: Float[np.ndarray, "conditions seeds"]
    picture: Float[np.ndarray, "methods conditions seeds"]
    permuted: Float[np.ndarray, "methods conditions seeds"]
    trustworthiness: Float[np.ndarray, "methods conditions seeds"]
    continuity: Float[np.ndarray, "methods conditions seeds"]
    overlap: Float[np.ndarray, "methods conditions seeds"]
    fit: Float[np.ndarray, "methods seeds"]


def plane(network: Network, data: Dataset, key) -> Plane:
    """How faithful is PCA's plane? key: of permuted labels."""
    values = clusters.read(network, data)
    found = projection.plane(values)
    labels = controls.shuffled_rows(key, jnp.asarray(data.labels))
    mean = partial(_mean_silhouette, classes=network.model.outputs)
    return Plane(
        share=jnp.sum(found.share),
        layer=mean(values, data.labels),
        picture=mean(found.scores, data.labels),
        permuted=mean(found.scores, labels),
        trustworthiness=projection.trustworthiness(values, found.scores),
        continuity=projection.continuity(values, found.scores),
    )


def methods() -> dict[str, Method]:
    """The methods that are installed, by name; that of t-SNE ends with the perplexity."""
    found, installed = {PCA: Method(_by_pca, DRAWN)}, projection.installed()
    if "t-SNE" in installed:
        for number in PERPLEXITIES:
            found[f"t-SNE, {number}"] = Method(partial(projection.t_sne, perplexity=number), DRAWN_SLOWLY)
    return found | ({"UMAP": Method(projection.umap, DRAWN)} if "UMAP" in installed else {})


def pictures(inputs: Mapping[str, Inputs]) -> Pictures:
    """Draw the last hidden layer of the first networks that did not diverge, before and after training.

    None on parts of the test images: they would take ten times as long as all else together.
    """
    own = inputs[NAME]
    data, every = shown(own), methods()
    drawn = np.flatnonzero(~own.diverged)[: DRAWN if own.whole is None else 0]
    shape = len(every), 2, own.seeds
    found = {name: np.full(shape, np.nan) for name in Pictures._fields[3:-1]}
    points, fit = np.full((len(every), DRAWN, len(data.labels), 2), np.nan), np.full((len(every), own.seeds), np.nan)
    layer = np.full(shape[1:], np.nan)
    measure = _measures(own, data)
    if len(drawn):
        read = jax.jit(ensemble.over_seeds(clusters.read, chunk=1))
        chosen = [ensemble.take(own.ensemble(condition), drawn) for condition in (UNTRAINED, TRAINED)]
        activations = np.stack([np.asarray(read(networks, data)) for networks in chosen])
        for method, (draw, networks) in enumerate(every.values()):
            for condition, network in np.ndindex(2, min(networks, len(drawn))):
                values, place = activations[condition, network], (condition, drawn[network])
                picture, again = _runs(draw, values)
                layer[place], measures = measure(values, picture, again)
                for name, value in measures.items():
                    found[name][method, *place] = value
                points[method, network] = picture  # that of the trained network is last
            known = np.isfinite(points[method]).all(axis=(1, 2))
            if known.any():
                aligned = projection.align(points[method, known])
                points[method, known], fit[method, drawn[known[: len(drawn)]]] = aligned.pictures, aligned.fit
    return Pictures(points=points, labels=np.asarray(data.labels), layer=layer, fit=fit, **found)


def shown(inputs: Inputs) -> Dataset:
    """The test images of a picture, evenly spaced."""
    return inputs.test.spaced(inputs.at_most(SHOWN))


def _mean_silhouette(points, labels, *, classes: int) -> Float[Array, ""]:
    return jnp.mean(silhouettes.silhouettes(points, labels, classes=classes))


def _by_pca(activations, *, seed: int) -> np.ndarray:
    """PCA has no randomness: seed is ignored."""
    return np.asarray(jax.jit(projection.plane)(projection.drawable(activations)).scores)


def _runs(draw: Callable[..., np.ndarray], activations: np.ndarray) -> list[np.ndarray]:
    """Pictures by equal settings and different seeds; NaN where there is none, as of a dead layer."""
    try:
        return [draw(activations, seed=seed) for seed in range(RERUNS)]
    except projection.UndrawableError:
        return [np.full((len(activations), 2), np.nan)] * RERUNS


def _measures(inputs: Inputs, data: Dataset) -> Callable[..., tuple[Array, dict[str, Array]]]:
    """A function from a layer's activations, its picture and another run's to the layer's silhouette and all else."""
    permuted = controls.shuffled_rows(neurons.keys(inputs)[0], jnp.asarray(data.labels))
    mean = partial(_mean_silhouette, classes=inputs.model.outputs)

    def measure(values, picture, again):
        return mean(values, data.labels), {
            "picture": mean(picture, data.labels),
            "permuted": mean(picture, permuted),
            "trustworthiness": projection.trustworthiness(values, picture),
            "continuity": projection.continuity(values, picture),
            "overlap": projection.neighbour_overlap(picture, again),
        }

    return jax.jit(measure)


MEASUREMENTS = (
    Measurement(
        "plane",
        plane,
        lambda inputs: (shown(inputs), neurons.keys(inputs)[0]),
        conditions=(UNTRAINED, TRAINED),
    ),
    EnsembleMeasurement(
        "pictures",
        pictures,
        lambda inputs: {"methods": list(methods()), "conditions": [UNTRAINED, TRAINED], "axes": ["x", "y"]},
        libraries=("openTSNE", "umap-learn"),
    ),
)


def claims(results: Results) -> list[Claim]:
    """PCA's plane and UMAP's pictures show that digits lie apart; UMAP shows them further apart than they are."""
    before, after = (results["plane"].sel(conditions=condition) for condition in (UNTRAINED, TRAINED))
    drawn = results["pictures"]
    left_out = "" if "UMAP" in drawn.methods else f" {LEFT_OUT}"
    by_pca = Claim(
        row="4.7",
        name="PCA",
        text="The digits lie apart in the plane of the first two principal components: silhouette",
        bounds=SIGNED,
        quantity="mean silhouette in the plane",
        measured=after.picture,
        controls={UNTRAINED: before.picture, "permuted labels": after.permuted, **clusters.OVERLAP},
        score=Difference(),
        rule=above(0.0),
        shown={
            "in the layer": after.layer,
            "share of the variance": after.share,
            "trustworthiness": after.trustworthiness,
            "continuity": after.continuity,
        },
        note=f"Of {SHOWN} test images.{left_out}",
    )
    return [by_pca, *(claim for name in PUBLISHED if name in drawn.methods for claim in _of_method(drawn, name))]


def _of_method(drawn: xr.Dataset, name: str) -> list[Claim]:
    before, after = (drawn.sel(methods=name, conditions=condition) for condition in (UNTRAINED, TRAINED))
    claim = partial(
        Claim,
        row="4.7",
        bounds=SIGNED,
        quantity="mean silhouette in the picture",
        measured=after.picture,
        score=Difference(),
        rule=above(0.0),
        note=f"Of the first {DRAWN} networks and {SHOWN} test images; the interval is over networks alone.",
    )
    return [
        claim(
            name=name,
            text=f"The digits lie apart in pictures by {name}: silhouette",
            published=PUBLISHED[name],
            controls={UNTRAINED: before.picture, "permuted labels": after.permuted, **clusters.OVERLAP},
            shown={
                "trustworthiness": after.trustworthiness,
                "continuity": after.continuity,
                "neighbours shared by two runs": after.overlap,
            },
        ),
        claim(
            name=f"{name} exaggerates",
            text=f"{name} draws the digits further apart than they are: silhouette in the picture and in the layer",
            published=f"{PUBLISHED[name]} in the picture, .23 in the layer",
            controls={"in the layer": drawn.layer.sel(conditions=TRAINED)},
        ),
    ]
