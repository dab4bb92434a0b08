"""How much does dropout, left on, change what a network predicts? Row 1.6."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp import recipes
from jaxinterp.analysis import counterfactuals
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, with_outputs
from jaxinterp.stats import SHARE
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.one_vs_seven.common import ARMS, CLASSES, NAME, ONE, PLAIN, SEVEN, SMALL, labelled
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

PASSES = 20

# One in twenty, the customary line between what may be ignored and what may not.
NOTICEABLE = 0.05


class Noise(NamedTuple):
    """Each logit's sd over noisy passes, the passes' share of the logits' variance, and predictions that differ."""

    sd: Float[Array, " classes"]
    share: Float[Array, ""]
    differing: Float[Array, ""]


def noisy(network: Network, data: Dataset, key) -> Noise:
    """How much the dropout of the study's own recipe changes the logits of 1 and 7, and which of them is larger.

    Networks that were trained without it are given the same noise. share: the mean variance over passes as a part of
    the variance over passes and the images of a class.
    """
    two = with_outputs(network, (ONE, SEVEN))
    two = two.replace(model=two.model.clone(dropout=recipes.config(NAME).model.dropout))
    passes = counterfactuals.noisy_passes(two, data.images, key, passes=PASSES)
    labels = jnp.asarray(data.labels)
    within = [jnp.var(passes.mean, axis=0, where=(labels == label)[:, None]) for label in (ONE, SEVEN)]
    noise, images = jnp.mean(passes.sd**2), jnp.mean(jnp.stack(within))
    return Noise(jnp.mean(passes.sd, axis=0), noise / (noise + images), jnp.mean(passes.differing))


MEASUREMENTS = (
    Measurement("noise", noisy, lambda own: (own.test, own.key(1)), labelled(classes=CLASSES), recipes=ARMS, chunk=1),
)


def claims(results: Results) -> list[Claim]:
    """Row 1.6."""
    noise = results["noise"]
    sds = [f"{arm} {' / '.join(mean(noise.sd.sel(recipes=arm, classes=name), 2) for name in CLASSES)}" for arm in ARMS]
    differing = "the share of images and passes whose prediction, 1 or 7, is not that without noise"
    variance = "the noise's share of the variance of a logit over the passes and images of a class"
    return [
        Claim(
            row="1.6",
            name=name,
            text=f"With dropout on, the {differs} from run to run",
            published="unquantified",
            bounds=SHARE,
            quantity=quantity,
            measured=values.sel(recipes=NAME),
            controls={"trained without dropout, the same noise": values.sel(recipes=PLAIN)},
            shown={SMALL: values.sel(recipes=SMALL)},
            rule=above(NOTICEABLE),
            note=f"{PASSES} passes with every test image. Sd of the logits 1 / 7 over passes: {'; '.join(sds)}.",
        )
        for name, differs, quantity, values in (
            ("answers", "prediction differs", differing, noise.differing),
            ("logits", "logits differ", variance, noise.share),
        )
    ]
