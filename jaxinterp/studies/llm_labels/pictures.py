"""Does activation maximisation show what a neuron responds to? Row 2.3.

The write-up starts from N(0, 1) noise z, which it feeds to the network in place of a normalised image, and minimises
−a(z) + λΣz² by 200 steps of Adam, with λ = 1 and a the neuron's output. Before its ReLU a neuron of the first layer is
linear, so that the optimum is known: z = w/2λ, with value ‖w‖²/4λ + b. Gradient ascent is also run on images in
[0, 1], and compared with the highest value there and with real images.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import images as spaces
from jaxinterp.analysis.maximization import objectives, optima
from jaxinterp.analysis.maximization.exemplars import best_images
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED, indicator
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels import neurons
from jaxinterp.studies.llm_labels.neurons import ALIKE, EVERY, MOST, SIX, TWELVE, Images, selected
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

PENALTY, RATE, STEPS, STARTS = 1.0, 0.1, 200, 8
ASCENTS = 4
OUTPUT, INPUT = TARGETS = ("after the ReLU", "before the ReLU")
_SITES = {OUTPUT: neurons.SITE, INPUT: neurons.INPUT_SITE}
EXEMPLARS = 9
REACHED = 0.95  # cosine with the optimum: an angle of less than 20 degrees
EXACT = 0.99  # of the possible gain over the blank image
OTHERS = "other neurons' images"
KEY = 3

_claim = partial(Claim, row="2.3")


class Maximised(NamedTuple):
    """What gradient ascent finds for each neuron.

    reached: share of the starts whose picture has a cosine of at least .95 with the exact optimum; active: share whose
    picture activates the neuron. exact_value: ‖w‖²/4λ + b. silent_starts: share of N(0, 1) images on which the neuron
    is not active. gain: that of ascent among images in [0, 1], see `exemplars.BestImages`.
    """

    reached: Float[Array, "targets units"]
    active: Float[Array, "targets units"]
    exact_value: Float[Array, " units"]
    silent_starts: Float[Array, " units"]
    gain: Float[Array, " units"]


def maximised(network: Network, images: Images, key) -> Maximised:
    """The write-up's recipe on each neuron, and ascent among images in [0, 1]."""
    climbed = maximization.units(key, network, images[:1], site=neurons.INPUT_SITE, restarts=ASCENTS)
    z_network = as_written(network)
    weights, bias = optima.affine(z_network)
    best, value = optima.penalty_optimum(weights, bias, PENALTY)
    pictures = recipe(z_network, key)
    entering = jnp.stack(
        [jnp.diagonal(z_network(images)[1][neurons.INPUT_SITE], axis1=0, axis2=2).T for images in pictures]
    )
    length = jnp.linalg.norm(pictures, axis=-1) * jnp.linalg.norm(best, axis=-1)[:, None]
    product = jnp.einsum("tusp,up->tus", pictures, best, precision=jax.lax.Precision.HIGHEST)
    return Maximised(
        reached=jnp.mean((length > 0) & (product >= REACHED * length), axis=-1),
        active=jnp.mean(entering > 0, axis=-1),
        exact_value=value,
        silent_starts=jax.scipy.stats.norm.cdf(-bias / jnp.linalg.norm(weights, axis=1)),
        gain=optima.share_of_optimum(network, climbed.values),
    )


def as_written(network: Network) -> Network:
    """The network without its normalisation: it reads z, the normalised image, as the write-up's does."""
    return network.replace(model=network.model.clone(input_mean=0.0, input_std=1.0))


def recipe(network: Network, key) -> Float[Array, "targets units starts pixels"]:
    """The write-up's pictures of each neuron of a network `as_written`, from the same starts for both targets."""
    units = network.model.layers[0].units

    def pictures(target):
        def objective(activations):
            values = [objectives.units(_SITES[name], jnp.arange(units))(activations) for name in TARGETS]
            return jnp.stack(values)[target]

        return maximization.maximize(
            key,
            network,
            objective,
            objectives=units,
            restarts=STARTS,
            steps=STEPS,
            parametrization=spaces.PIXELS,
            priors=(spaces.l2(PENALTY),),
            learning_rate=RATE,
        ).images

    return jax.vmap(pictures)(jnp.arange(len(TARGETS)))


MEASUREMENTS = (
    Measurement(
        "maximised",
        maximised,
        lambda inputs: (inputs.test.images, inputs.key(KEY)),
        lambda _: {"targets": TARGETS},
        recipes=neurons.WIDTHS,
        chunk=2,
    ),
    neurons.of_both_widths("best images", partial(best_images, k=EXEMPLARS), lambda inputs: (inputs.test.images,)),
)


def claims(results: Results) -> list[Claim]:
    """Row 2.3."""
    found, best = results["maximised"], results["best images"]
    live, dead = partial(neurons.over_live, results), partial(neurons.over_dead, results)
    after, before = (found.reached.sel(targets=target) for target in TARGETS)
    silent, worth = selected(1 - found.active), indicator(found.exact_value > 0, found.exact_value)
    active = found.active.sel(targets=INPUT)
    return [
        _claim(
            name="recipe",
            text="The write-up's maximisation finds a neuron's optimum: from a random start it ends at the known one",
            bounds=SHARE,
            quantity=f"share of starts, over all neurons, whose picture has a cosine of at least {REACHED:g} with it",
            measured=selected(after),
            controls={f"the same starts, {INPUT}": selected(before)},
            rule=above(EVERY),
            shown={
                "live neurons": live(after),
                "dead neurons": dead(after),
                "starts on which the neuron is silent": selected(found.silent_starts),
                "pictures on which it is silent": silent.sel(targets=OUTPUT),
                "the same, before the ReLU": silent.sel(targets=INPUT),
                "twelve neurons": selected(after, TWELVE),
            },
            note=f"{STARTS} starts per neuron, read as normalised images. The exact value ‖w‖²/4λ + b is above 0 for "
            f"{mean(selected(worth), 2)} of the neurons: for the others no picture is better than none after the "
            "ReLU.",
        ),
        _claim(
            name="ascent",
            text="Gradient ascent on the input to the ReLU, over images in [0, 1], reaches the exact optimum",
            quantity="share of the way from the blank image to it",
            measured=selected(found.gain),
            controls={"best test image": selected(best.gain)},
            rule=above(EXACT),
            shown={"twelve neurons": selected(found.gain, TWELVE)},
            note=f"Sigmoid pixels, the best of {ASCENTS} starts.",
        ),
        _claim(
            name="real",
            text="Real images come close to a neuron's optimum: the best test image goes most of the way from blank "
            "to it",
            quantity="share of the way, mean over live neurons,",
            measured=live(best.gain),
            controls={UNTRAINED: live(best.gain, SIX, UNTRAINED)},
            rule=above(MOST),
            score=Calibrated(),
            shown={"twelve neurons": live(best.gain, TWELVE)},
            note="Before the ReLU; optimum over images in [0, 1].",
        ),
        _claim(
            name="looks",
            text="A neuron's picture looks like the images that activate it most: correlation over pixels",
            bounds=SIGNED,
            quantity="correlation",
            measured=live(best.likeness),
            controls={OTHERS: live(best.likeness_other), UNTRAINED: live(best.likeness, SIX, UNTRAINED)},
            rule=above(ALIKE),
            score=Calibrated(),
            shown={
                "untrained, other neurons' images": live(best.likeness_other, SIX, UNTRAINED),
                "twelve neurons": live(best.likeness, TWELVE),
                "twelve neurons, other neurons' images": live(best.likeness_other, TWELVE),
            },
            note=f"The exact optimum, w/2λ, with the mean of the neuron's best {EXEMPLARS} test images; live neurons. "
            "The images are chosen by the very weights that are the picture, in untrained networks as well.",
        ),
        _claim(
            name="dead",
            text="A dead neuron has no optimum: no image in [0, 1] activates it",
            bounds=SHARE,
            quantity="share of dead neurons",
            measured=dead(best.dark),
            controls={"the same neurons before training": dead(best.dark, SIX, UNTRAINED)},
            rule=above(MOST),
            score=Calibrated(),
            shown={"silent on the recipe's picture too": dead(indicator(active == 0, active))},
            note="Dead: active on no test image.",
        ),
    ]
