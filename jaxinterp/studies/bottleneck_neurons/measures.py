"""What do single neurons do for single classes? The measurements of study `bottleneck-neurons`, for one network.

Every function returns a dictionary of arrays, named as the record calls them. What is picked out of many, such as a
class's most damaging neuron, is picked on the images `choosing` and measured on others, `scoring`.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxinterp import metrics
from jaxinterp.analysis import ablation, correlation, responses
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import MLP, Network

PARTS = ("pre", "post")
RANKINGS = ("mean activation", "loss gradient", "logit gradient")
MEASURES = ("index", "d_prime", "auc", "mutual_information")
EDITS = ("before", "without", "tripled")
STRENGTHS = np.arange(0, 3.01, 0.25)
DRAWS = 100  # of every null: p-values down to 1/101
SAME = 1e-4  # of the root mean square: sums over a thousand images in float32 are equal to far less than this
_UNITS = 8  # ablated at once

Found = dict[str, Array]


def layers(model: MLP) -> tuple[str, ...]:
    """The hidden layers, the one with the bottleneck neurons last."""
    return tuple(f"hidden{layer}" for layer in range(len(model.widths)))


def neurons(model: MLP) -> Site:
    """Where the neurons of the last hidden layer are read and changed."""
    return f"{layers(model)[-1]}/post"


def gradient_sites(model: MLP) -> tuple[Site, Site]:
    """What feeds the last hidden layer, and its neurons."""
    return f"{layers(model)[-2]}/post" if len(model.widths) > 1 else "input", neurons(model)


def ranges(network: Network, images: Array) -> Array:
    """What holds the middle 99.8 % of each layer's pre-activations: "layers ends"."""
    activations = network(images)[1]
    ends = jnp.array([0.001, 0.999])
    return jnp.stack([jnp.quantile(activations[f"{layer}/pre"], ends) for layer in layers(network.model)])


def activity(network: Network, images: Array, sample: Dataset, edges: Array) -> Found:
    """How often units fire on the images, and histograms over a layer's units and the sample's images."""
    everything, few = network(images)[1], network(sample.images)[1]
    names, classes = layers(network.model), network.model.outputs
    live = [responses.liveness(everything[f"{layer}/post"]) for layer in names]

    def histograms(layer, edges):
        """Shares "parts classes bins", means over the layer's units."""
        values = [few[f"{layer}/{part}"] for part in PARTS]
        found = [responses.histograms(value, sample.labels, classes=classes, edges=edges) for value in values]
        return jnp.mean(jnp.stack(found), axis=2)

    by_class = jnp.stack([histograms(layer, own) for layer, own in zip(names, edges, strict=True)])
    share = jnp.bincount(sample.labels, length=classes) / len(sample.labels)
    return {
        "histogram": jnp.einsum("lpcb,c->lpb", jnp.where(share[:, None] > 0, by_class, 0), share),
        "class_histogram": by_class,
        "firing_rate": jnp.stack([jnp.mean(layer.firing_rate) for layer in live]),
        "dead": jnp.stack([jnp.mean(layer.dead) for layer in live]),
        "rare": jnp.stack([jnp.mean(layer.rare) for layer in live]),
    }


def confusion(logits: Array, labels: Array) -> Array:
    """Shares of answers, a row a class."""
    return responses.confusion(metrics.predictions("cross_entropy", logits), labels, classes=logits.shape[-1])


def gradients(network: Network, sample: Dataset, data: Dataset, *, loss: str) -> Found:
    """What ranks the neurons for each class, and whether a logit's gradient is the same on every image of the sample.

    Gradients point to what makes the class likelier: the loss's is negated.
    """
    site, classes = neurons(network.model), network.model.outputs

    def total_loss(activations):
        return jnp.sum(metrics.losses(loss, network(data.images, {site: replace(activations)})[0], data.labels))

    def logit_gradients(site):
        def logits(row, image):
            return network(image, {site: replace(row)})[0]

        return jax.vmap(jax.jacrev(logits))(network(sample.images)[1][site], sample.images)

    def size(values):
        return jnp.sqrt(jnp.mean(values**2))

    def fixed(gradient):
        spread = jnp.max(jnp.abs(gradient - jnp.mean(gradient, axis=0)), axis=0)
        return jnp.mean(spread <= SAME * size(gradient))

    found = ablation.predictors(network, data, site=site)
    down = jax.grad(total_loss)(network(data.images)[1][site])
    towards = metrics.by_class(-down.T, data.labels, classes=classes)
    by_site = [logit_gradients(site) for site in gradient_sites(network.model)]
    weights = network.variables["params"]["output"]["kernel"].T
    return {
        "ranking": jnp.stack([found.activation.T, towards.T, found.weight.T]),
        "gradient_fixed": jnp.stack([fixed(gradient) for gradient in by_site]),
        "weight_deviation": jnp.max(jnp.abs(by_site[-1] - weights)) / size(weights),
    }


def tops(network: Network, choosing: Dataset, scoring: Dataset, key) -> Found:
    """Selectivity, and each class's neuron of highest index.

    null: the 95th percentile of that neuron's index over permutations of the labels. It was chosen on other images, so
    there is no search to correct for.
    """
    site, classes = neurons(network.model), network.model.outputs
    first, second = (network(half.images)[1][site] for half in (choosing, scoring))
    chosen = jnp.argmax(responses.selectivity(first, choosing.labels, classes=classes).index, axis=1)
    found = responses.selectivity(second, scoring.labels, classes=classes)
    null = responses.selectivity_null(key, second, scoring.labels, classes=classes, draws=DRAWS).index

    def of_chosen(index):
        return jnp.take_along_axis(index, chosen[:, None], axis=-1)[..., 0]

    return {
        "selectivity": jnp.stack([getattr(found, name) for name in MEASURES]),
        "index": of_chosen(found.index),
        "firing": responses.liveness(second).firing_rate[chosen],
        "null": jnp.quantile(jax.vmap(of_chosen)(null), 0.95, axis=0),
    }


def damage(network: Network, choosing: Dataset, scoring: Dataset, key) -> Found:
    """What happens to classes without single neurons, and with more of them."""
    model, site = network.model, neurons(network.model)
    every, zero = jnp.arange(model.outputs), ablation.KINDS.index("zero")
    resampled, permuted = jax.random.split(key)

    def accuracy(right, data):
        return metrics.by_class(right, data.labels, classes=model.outputs)

    def worst_of(layer):
        """Each class's worst unit on the first half, and its accuracy without it on both, all "kinds classes"."""
        before = accuracy(_right_without_units(network, choosing, f"{layer}/post", resampled), choosing)
        right = _right_without_units(network, scoring, f"{layer}/post", resampled)
        after, worst = accuracy(right, scoring), jnp.argmin(before, axis=1)
        first, second = (jnp.take_along_axis(half, worst[:, None], axis=1)[:, 0] for half in (before, after))
        return worst, first, second, after, right

    found = [worst_of(layer) for layer in layers(model)]
    worst, chosen_accuracy, _, ablated, right_without = found[-1]
    right, right_before = (ablation.baseline(network, data, measure=_right) for data in (scoring, choosing))
    lost = accuracy(right_before, choosing) - chosen_accuracy
    worst_class = jnp.argmax(jnp.nan_to_num(lost, nan=-jnp.inf), axis=1)
    searched_p = partial(ablation.searched_p, labels=scoring.labels, classes=model.outputs, draws=DRAWS)
    p = jax.vmap(searched_p, in_axes=(None, 0))(permuted, right - right_without)  # all kinds share the permutations
    before = ablation.baseline(network, scoring, measure=confusion)
    scaled = ablation.doses(network, scoring, STRENGTHS, site=site, measure=confusion, chunk=_UNITS)
    hit = worst[zero, worst_class[zero]]
    return {
        "baseline": accuracy(right, scoring),
        "ablated": ablated,
        "worst": worst,
        "worst_class": worst_class,
        "worst_accuracy": jnp.stack([second for _, _, second, _, _ in found], axis=1),
        "searched_p": jnp.min(p, axis=1),
        "dose_accuracy": jnp.diagonal(scaled, axis1=2, axis2=3),
        "redirected": jnp.stack([before, scaled[worst[zero], 0, every], scaled[worst[zero], -1, every]]),
        "worst_confusion": jnp.stack([before, scaled[hit, 0], scaled[hit, -1]]),
        "predictor": jnp.stack(ablation.predictors(network, choosing, site=site)),
    }


def _right_without_units(network: Network, data: Dataset, site: Site, key) -> Array:
    """Who is answered rightly without each unit: "kinds units examples", one program for all kinds of ablation."""
    activations = network(data.images)[1][site]
    fills = [
        ablation.fill(kind, activations, data.labels, classes=network.model.outputs, key=key) for kind in ablation.KINDS
    ]
    away = jnp.moveaxis(jnp.stack(fills) - activations, 2, 1)
    run = ablation.unit_mover(network, data.images, site=site, measure=lambda logits: _right(logits, data.labels))
    units = jnp.arange(away.shape[1])
    flat = jnp.tile(units, len(ablation.KINDS)), away.reshape(-1, away.shape[2])
    return jax.lax.map(lambda edit: run(*edit), flat, batch_size=_UNITS).reshape(away.shape)


def _right(logits: Array, labels: Array | np.ndarray) -> Array:
    return metrics.correct("cross_entropy", logits, labels).astype(logits.dtype)


def maps(network: Network, images: Array, lit: Array) -> Found:
    """Saliency over real images beside one-pixel probes, layer by layer; the maps themselves of the last one.

    Saliency is the mean gradient of a pre-activation by the pixels; a probe is the pre-activation of an image that is
    blank but for one pixel of 1, less that of the blank image.
    """
    found = [_maps_of(network, f"{layer}/pre", images) for layer in layers(network.model)]
    tables = [correlation.pairwise(probe, saliency, lit) for saliency, probe in found]
    own = [jnp.eye(len(table), dtype=bool) for table in tables]
    saliency, probe = found[-1]
    return {
        "correlation": jnp.stack([jnp.nanmean(t, where=same) for t, same in zip(tables, own, strict=True)]),
        "other": jnp.stack([jnp.nanmean(t, where=~same) for t, same in zip(tables, own, strict=True)]),
        "agree": jnp.stack([jnp.mean(jnp.abs(p - s) <= SAME * jnp.sqrt(jnp.mean(s**2))) for s, p in found]),
        "saliency": saliency,
        "probe": probe,
    }


def _maps_of(network: Network, site: Site, images: Array) -> tuple[Array, Array]:
    """Saliency and probe of every unit, both "units pixels"."""

    def read(images):
        return network(images)[1][site]

    values, pull = jax.vjp(read, images)
    units, pixels = values.shape[-1], images.shape[-1]
    one_hot = jnp.eye(units)
    saliency = jax.lax.map(lambda unit: jnp.mean(pull(jnp.broadcast_to(unit, values.shape))[0], axis=0), one_hot)
    return saliency, (read(jnp.eye(pixels)) - read(jnp.zeros((1, pixels)))).T
