"""What does a unit look for? The image that activates it most, by gradient ascent, beside the best that there could be.

An objective (`objectives`) of the activations, a parametrisation of the images with its constraint, priors and
transformations (`images`) and one loop, each of which can be exchanged. `optima` has the closed forms and bounds that
tell how far the ascent has come. Source: Erhan et al. 2009; Olah et al. 2017, "Feature visualization".
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.analysis.maximization import images as image_spaces
from jaxinterp.analysis.maximization import objectives as goals
from jaxinterp.analysis.maximization import optima
from jaxinterp.analysis.maximization.images import Constraint, Parametrization, Prior, Transformation
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, check_site, first_layer_is_affine, sites


class Found(NamedTuple):
    """The images that the ascent ends at, the objective there, and the objective less the priors' penalties."""

    images: Float[Array, "objectives restarts pixels"]
    values: Float[Array, "objectives restarts"]
    penalized: Float[Array, "objectives restarts"]


class Maximized(NamedTuple):
    """What each unit looks for, and how sure that is; values are pre-activations.

    - images, values: of the best restart; restart_values: of all of them;
    - agreement: mean cosine between the images of different restarts, as they are: images in [0, 1] are never opposed,
      and random ones have about .75. NaN for one restart;
    - activated: the value is above 0;
    - optimum: the highest value that an image in [0, 1] can have, where the unit is linear in the pixels; else NaN;
    - bound: what no image in [0, 1] can exceed (`optima.interval_bounds`); equal to the optimum in the first layer;
    - fraction: (value − value of the blank image)/(bound − value of the blank image); NaN where these are equal;
    - exemplar, exemplar_values: index of the real image that activates the unit most, and its value.
    """

    images: Float[Array, "units pixels"]
    values: Float[Array, " units"]
    restart_values: Float[Array, "units restarts"]
    agreement: Float[Array, " units"]
    activated: Bool[Array, " units"]
    optimum: Float[Array, " units"]
    bound: Float[Array, " units"]
    fraction: Float[Array, " units"]
    exemplar: Int[Array, " units"]
    exemplar_values: Float[Array, " units"]


def maximize(
    key,
    network: Network,
    objective: Callable,
    *,
    objectives: int,
    restarts: int = 8,
    steps: int = 256,
    parametrization: Parametrization = image_spaces.SIGMOID,
    constraint: Constraint | None = None,
    priors: Sequence[Prior] = (),
    transformations: Sequence[Transformation] = (),
    learning_rate: Any = 0.3,
) -> Found:
    """Images that maximise an objective less the priors, by Adam from `restarts` random starts for each objective.

    Restart r of objective o starts from the same image however many there are of either.

    objective: as in `objectives`. priors: penalties of images. transformations: done to what the network sees at each
    step, one after the other, and not to what is returned. learning_rate: Adam's, or a schedule of optax.
    Memory is about 6 × objectives × restarts × pixels numbers. Raises InputError for fewer than one objective, restart
    or step, for an objective that does not give one number for each image, and for what the objective raises it for.
    """
    for name, count in (("objectives", objectives), ("restarts", restarts), ("steps", steps)):
        if count < 1:
            raise InputError(f"{name} is {count}: use 1 or more")
    start_key, step_key = jax.random.split(key)
    optimizer = optax.adam(learning_rate)

    def value(images):
        found = objective(network(images)[1])
        if found.shape != (objectives, restarts):
            raise InputError(
                f"an objective gives values {(objectives, restarts)}, objectives by restarts: got {found.shape}"
            )
        return found

    def penalty(images):
        return sum((prior(images) for prior in priors), jnp.zeros(images.shape[:-1]))

    def loss(images, key):
        seen = images
        for place, transform in enumerate(transformations):
            seen = transform(jax.random.fold_in(key, place), seen)
        return jnp.sum(penalty(images) - value(seen))

    def kept(parameters):
        if constraint is None:
            return parameters
        return parametrization.parameters(constraint.project(parametrization.images(parameters)))

    def step(state, index):
        parameters, memory = state
        images, pull = jax.vjp(parametrization.images, parameters)
        gradient = jax.grad(loss)(images, jax.random.fold_in(step_key, index))
        if constraint is not None:
            gradient = constraint.tangent(images, gradient)
        updates, memory = optimizer.update(pull(gradient)[0], memory)
        return (kept(optax.apply_updates(parameters, updates)), memory), None

    parameters = kept(_starts(start_key, parametrization, (objectives, restarts, network.pixels)))
    (parameters, _), _ = jax.lax.scan(step, (parameters, optimizer.init(parameters)), jnp.arange(steps))
    images = parametrization.images(parameters)
    values = value(images)
    return Found(images, values, values - penalty(images))


def units(
    key,
    network: Network,
    images: Float[Array | np.ndarray, "examples pixels"],
    *,
    site: Site,
    restarts: int = 8,
    steps: int = 256,
    chunk: int = 64,
    **options,
) -> Maximized:
    """What every unit of a site looks for, among images in [0, 1].

    images: real ones, among which the exemplars are. chunk: units at once; memory is about 6 × chunk × restarts ×
    pixels numbers, and results do not depend on it. options: those of `maximize`; bound, optimum and fraction are
    about images in [0, 1], whatever they allow.
    Raises InputError for a site that is not there, and for one behind an activation function, which has no gradient
    where the unit is silent.
    """
    check_site(network.model, site)
    if site != "logits" and not site.endswith("/pre"):
        instead = f"{site.partition('/')[0]}/pre" if site != "input" else sites(network.model)[1]
        raise InputError(f"a unit at {site} may be silent and then has no gradient: use {instead}")
    pixels = network.pixels
    if images.shape[-1] != pixels:
        raise InputError(f"the network reads {pixels} pixels, got images of {images.shape[-1]}")
    blank = network(jnp.zeros(pixels))[1][site]

    def one(unit):
        found = maximize(
            jax.random.fold_in(key, unit),
            network,
            goals.units(site, unit[None]),
            objectives=1,
            restarts=restarts,
            steps=steps,
            **options,
        )
        best = jnp.argmax(found.penalized[0])
        return found.images[0, best], found.values[0, best], found.values[0], _agreement(found.images[0])

    best, values, restart_values, agreement = jax.lax.map(one, jnp.arange(blank.shape[0]), batch_size=chunk)
    bound = optima.interval_bounds(network, site=site)[1]
    real = network(images)[1][site]
    room = bound - blank
    return Maximized(
        images=best,
        values=values,
        restart_values=restart_values,
        agreement=agreement,
        activated=values > 0,
        optimum=_optimum(network, site, bound),
        bound=bound,
        fraction=(values - blank) / jnp.where(room == 0, jnp.nan, room),
        exemplar=jnp.argmax(real, axis=0),
        exemplar_values=jnp.max(real, axis=0),
    )


def _optimum(network: Network, site: Site, bound: Float[Array, " units"]) -> Float[Array, " units"]:
    linear = site == sites(network.model)[1] and first_layer_is_affine(network.model)
    return optima.box_optimum(*optima.affine(network))[1] if linear else jnp.full_like(bound, jnp.nan)


def _starts(key, parametrization: Parametrization, shape: tuple[int, int, int]):
    objectives, restarts, pixels = shape

    def start(objective, restart):
        return parametrization.start(jax.random.fold_in(jax.random.fold_in(key, objective), restart), (pixels,))

    each = jax.vmap(jax.vmap(start, (None, 0)), (0, None))
    return each(jnp.arange(objectives), jnp.arange(restarts))


def _agreement(images: Float[Array, "restarts pixels"]) -> Float[Array, ""]:
    """Mean cosine between different images; a blank one has cosine 0 with all."""
    count = images.shape[0]
    if count == 1:
        return jnp.array(jnp.nan)
    lengths = jnp.linalg.norm(images, axis=-1, keepdims=True)
    directions = images / jnp.where(lengths == 0, 1.0, lengths)
    cosines = jnp.matmul(directions, directions.T, precision=jax.lax.Precision.HIGHEST)
    return (jnp.sum(cosines) - jnp.trace(cosines)) / (count * (count - 1))
