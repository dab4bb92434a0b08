"""Which image activates a unit most? Gradient ascent, compared with the highest activation that is possible.

An objective (`objectives`) of the activations, a parametrisation of the images with its constraint, priors and
transformations (`images`) and one loop can be combined freely. `optima` has closed forms and bounds that show how far
the ascent came. Sources: Erhan et al. 2009; Olah et al. 2017, "Feature visualization".
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
from jaxinterp.networks import (
    MLP,
    Network,
    Window,
    check_site,
    first_layer_is_affine,
    is_pre_activation,
    layer_of,
    sites,
)


class Ascent(NamedTuple):
    """The images at the end of a gradient ascent, their objective, and the objective minus the priors' penalties."""

    images: Float[Array, "objectives restarts pixels"]
    values: Float[Array, "objectives restarts"]
    penalized: Float[Array, "objectives restarts"]


class Maximized(NamedTuple):
    """The image that maximises each unit, and how reliable it is; values are pre-activations.

    - images, values: of the best restart; restart_values: of all restarts;
    - agreement: mean cosine between the images of different restarts. Images in [0, 1] are never opposed, and random
      ones have about .75. NaN for one restart;
    - activated: the value is above 0;
    - optimum: the highest value for an image in [0, 1], where the unit is linear in the pixels; otherwise NaN;
    - bound: a value that no image in [0, 1] can exceed (`optima.interval_bounds`); equal to the optimum in the first
      layer;
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
    network: Network | Window,
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
) -> Ascent:
    """Images that maximise an objective minus the priors, by Adam from `restarts` random starts per objective.

    Restart r of objective o has the same start image for any number of objectives and restarts.

    Of a window, images are patches: what the parametrisation, the constraint, the priors and the transformations take.

    objective: as in `objectives`. priors: penalties on images. transformations: applied one after another to the
    network's input at each step, but not to the returned images. learning_rate: Adam's, or an optax schedule. Memory is
    about 6 × objectives × restarts × pixels numbers. Raises InputError for fewer than one objective, restart or step,
    for an objective that does not return one number per image, and for the objective's own reasons.
    """
    for name, count in (("objectives", objectives), ("restarts", restarts), ("steps", steps)):
        if count < 1:
            raise InputError(f"{name} is {count}: use 1 or more")
    start_key, step_key = jax.random.split(key)
    optimizer = optax.adam(learning_rate)

    def value(images):
        values = objective(network(images)[1])
        if values.shape != (objectives, restarts):
            raise InputError(
                f"an objective must return values of shape {(objectives, restarts)} (objectives, restarts), "
                f"got {values.shape}"
            )
        return values

    def penalty(images):
        return sum((prior(images) for prior in priors), jnp.zeros(images.shape[:-1]))

    def loss(images, key):
        transformed = images
        for number, transform in enumerate(transformations):
            transformed = transform(jax.random.fold_in(key, number), transformed)
        return jnp.sum(penalty(images) - value(transformed))

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
    return Ascent(images, values, values - penalty(images))


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
    """The image in [0, 1] that maximises each unit of a site.

    images: real ones, from which the exemplars are taken. chunk: units at once; memory is about 6 × chunk × restarts ×
    pixels numbers, and results do not depend on it. options: those of `maximize`; bound, optimum and fraction refer to
    images in [0, 1], whatever the options allow. Raises InputError for an unknown site, and for one after an activation
    function, which has no gradient where the unit is inactive.
    """
    check_gradient(network.model, site)
    pixels = network.pixels
    if images.shape[-1] != pixels:
        raise InputError(f"the network needs images of {pixels} pixels, got images of {images.shape[-1]}")
    blank = network.units(jnp.zeros(pixels))[site]

    best, values, restart_values, agreement = best_of_each(
        key,
        network,
        lambda unit: goals.units(site, unit[None]),
        units=blank.shape[0],
        chunk=chunk,
        restarts=restarts,
        steps=steps,
        **options,
    )
    bound = optima.interval_bounds(network, site=site)[1]
    real = network.units(images)[site]
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


def check_gradient(model: MLP, site: Site) -> None:
    """Raise InputError for an unknown site, and for one after an activation function, where an inactive unit has no
    gradient.
    """
    check_site(model, site)
    if not is_pre_activation(model, site):
        layer = layer_of(model, site)
        instead = sites(model)[1] if layer is None else layer.pre
        raise InputError(f"a unit at {site} may be inactive and then has no gradient: use {instead}")


def best_of_each(
    key, network: Network | Window, objective_of: Callable, *, units: int, chunk: int, restarts: int, **options
) -> tuple[Array, Array, Array, Array]:
    """For each unit the best image, its value, the values of all restarts and these images' agreement.

    objective_of: unit → its objective. chunk: units at once. options: those of `maximize`.
    """

    def one(unit):
        ascent = maximize(
            jax.random.fold_in(key, unit),
            network,
            objective_of(unit),
            objectives=1,
            restarts=restarts,
            **options,
        )
        best = jnp.argmax(ascent.penalized[0])
        return ascent.images[0, best], ascent.values[0, best], ascent.values[0], _agreement(ascent.images[0])

    return jax.lax.map(one, jnp.arange(units), batch_size=chunk)


def optimal_images(key, network: Network, *, site: Site, **options) -> Float[Array, "units pixels"]:
    """The image in [0, 1] that maximises each unit of a site: exactly in the first layer, otherwise by gradient ascent.

    options: those of `units`. Raises InputError as that does, and for a first layer that is not affine.
    """
    if site == sites(network.model)[1]:
        return optima.box_optimum(*optima.affine(network))[0]
    nothing = jnp.zeros((1, network.pixels))  # instead of real images to compare with
    return units(key, network, nothing, site=site, **options).images


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
    """Mean cosine between different images; a blank image has cosine 0 with all others."""
    count = images.shape[0]
    if count == 1:
        return jnp.array(jnp.nan)
    lengths = jnp.linalg.norm(images, axis=-1, keepdims=True)
    directions = images / jnp.where(lengths == 0, 1.0, lengths)
    cosines = jnp.matmul(directions, directions.T, precision=jax.lax.Precision.HIGHEST)
    return (jnp.sum(cosines) - jnp.trace(cosines)) / (count * (count - 1))
