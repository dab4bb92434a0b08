"""Do mean activation, gradient of the loss and gradient of the logit name the same neurons for a digit?"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, attribution, top_units
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site, replace
from jaxinterp.networks import INPUT, MLP, Network, output_weights
from jaxinterp.stats import SHARE
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, IDENTICAL, SAME
from jaxinterp.studies.inputs import SAMPLE, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results

TOP = 3  # the write-up lists three neurons per class


class Rankings(NamedTuple):
    """activation: mean over a class's test images. overlap: share of a ranking's top neurons that another ranking names
    for the same class, overlap_other for another class; means over pairs of rankings and over classes. fixed: whether a
    unit's gradient of the logit is the same on all images of the sample; fixed_before: share of the units of the layer
    before of which this is true. deviation: the largest of a gradient from the output weight, relative to the weights'
    root mean square.
    """

    activation: Float[Array, "classes units"]
    overlap: Float[Array, ""]
    overlap_other: Float[Array, ""]
    fixed: Float[Array, "classes units"]
    fixed_before: Float[Array, " classes"]
    deviation: Float[Array, ""]


def rankings(network: Network, sample: Dataset, data: Dataset, losses) -> Rankings:
    """What ranks the neurons for each class, and whether a logit's gradient depends on the image.

    losses: (logits, labels) to one loss per example. Gradients point to what makes the class likelier: the loss's is
    negated.
    """
    site, classes = neurons.site(network.model), network.model.outputs

    def total_loss(activations):
        return jnp.sum(losses(network(data.images, {site: replace(activations)})[0], data.labels))

    predictors = ablation.predictors(network, data, site=site)
    down = jax.grad(total_loss)(network(data.images)[1][site])
    towards = metrics.by_class(-down.T, data.labels, classes=classes)
    before, own = (attribution.logit_gradients(network, sample.images, site=s) for s in gradient_sites(network.model))
    weights = output_weights(network).T
    every = jnp.stack([predictors.activation.T, towards.T, predictors.weight.T])
    overlap, overlap_other = top_units.overlap(every, top=TOP)
    return Rankings(
        activation=predictors.activation.T,
        overlap=overlap,
        overlap_other=overlap_other,
        fixed=attribution.is_fixed(own, tolerance=SAME).astype(float),
        fixed_before=jnp.mean(attribution.is_fixed(before, tolerance=SAME), axis=-1),
        deviation=jnp.max(jnp.abs(own - weights)) / jnp.sqrt(jnp.mean(weights**2)),
    )


def gradient_sites(model: MLP) -> tuple[Site, Site]:
    """The input of the last hidden layer, and its neurons."""
    return model.layers[-2].post if len(model.layers) > 1 else INPUT, neurons.site(model)


def _shared(inputs: Inputs) -> tuple:
    losses = jax.tree_util.Partial(partial(metrics.losses, inputs.config.train.loss))
    return inputs.sample, inputs.test, losses


MEASUREMENTS = (Measurement("rankings", rankings, _shared, neurons.coords),)


def claims(results: Results) -> list[Claim]:
    """A logit's gradient is an output weight, and the three rankings agree."""
    found = results["rankings"]
    units = found.sizes["units"]
    identity = Claim(
        row="4.4",
        name="identity",
        text="A neuron's gradient of a logit is the same on every image: share of (neuron, digit)",
        published="“equals the output weights”",
        bounds=SHARE,
        quantity="share of (neuron, digit)",
        measured=found.fixed,
        controls={"the input of the last hidden layer": found.fixed_before},
        rule=above(IDENTICAL),
        note=f"After the last hidden layer, over at most {SAMPLE} test images; the same: to {SAME:g} of the root mean "
        f"square. Largest deviation from the output weights, in the same unit: {float(found.deviation.mean()):.1g}.",
    )
    agreement = Claim(
        row="4.4",
        name="rankings",
        text=f"Activation, gradient of the loss and gradient of the logit name the same top {TOP} neurons of a digit",
        bounds=SHARE,
        quantity="shared top neurons",
        measured=found.overlap,
        controls={"lists of other digits": found.overlap_other},
        score=Calibrated(),
        rule=above(ALIKE),
        note="Share of one list that another also contains, mean over pairs of rankings and digits; "
        f"by chance {min(TOP, units) / units:.2f}.",
    )
    return [identity, agreement]
