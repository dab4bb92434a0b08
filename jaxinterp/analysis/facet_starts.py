"""Where does the search for facets start? Real images, noise, and images made for units that neither activates.

On an image that leaves all inputs of a unit inactive, the unit's gradient is 0, and a search that starts there finds
nothing. So `candidates` makes images by the gradients of pre-activations in a network without its activation functions,
which are not 0 for inactive units.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.choices import LINEAR
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, is_pre_activation, sites

ORTHOGONAL = 0.3  # largest |cosine|: less than a tenth of the squared length is shared
# Accelerators multiply with fewer bits by default.
EXACT = jax.lax.Precision.HIGHEST

Images = Float[Array | np.ndarray, "examples pixels"]


def drawn(key, images: Images, restarts: int, k: int) -> Float[Array, "restarts facets pixels"]:
    """Real images, which activate the units that data activates, and noise, which activates others, in turn."""
    real, noise = jax.random.split(key)
    chosen = jnp.asarray(images)[jax.random.randint(real, (restarts, k), 0, len(images))]
    in_turn = jnp.arange(restarts)[:, None] + jnp.arange(k)
    return jnp.where(in_turn[..., None] % 2 == 0, chosen, jax.random.uniform(noise, chosen.shape, chosen.dtype))


def candidates(network: Network, images: Images, site: Site) -> Float[Array, "candidates pixels"]:
    """All images, and for each unit up to a site the two images in [0, 1] that would raise and lower it most if all
    activation functions were the identity.

    A pre-activation is then linear in the pixels, so each pixel is 1 or 0 by the sign of its gradient. In the first
    layer this is the exact optimum; in later ones, and with a layer norm, it is a guess.
    """
    images = jnp.asarray(images)
    names = sites(network.model)
    before = [name for name in names[: names.index(site) + 1] if is_pre_activation(network.model, name)]
    gates_open, middle = network.replace(model=network.model.clone(activation=LINEAR)), jnp.mean(images, axis=0)
    slopes = [jax.jacrev(lambda image, name=name: gates_open.units(image)[name])(middle) for name in before]
    corners = [corner for slope in slopes for corner in (slope > 0, slope < 0)]
    return jnp.concatenate([images, *(corner.astype(images.dtype) for corner in corners)])


def best(
    pool: Float[Array, "pool pixels"],
    gains: Float[Array, " pool"],
    vectors: Float[Array, "pool sources"],
    otherwise: Float[Array, "facets pixels"],
) -> Float[Array, "facets pixels"]:
    """The image of highest gain, that of highest gain among those orthogonal to it, and so on; none without a gain.

    vectors: of contributions. otherwise: takes the place of images that do not exist.
    """
    directions = vectors / lengths(vectors)

    def pick(allowed, replacement):
        index = jnp.argmax(jnp.where(allowed, gains, -jnp.inf))
        overlap = jnp.matmul(directions, directions[index], precision=EXACT)
        exists = allowed[index] & (gains[index] > 0)
        return allowed & (jnp.abs(overlap) <= ORTHOGONAL), jnp.where(exists, pool[index], replacement)

    return jax.lax.scan(pick, jnp.ones(len(pool), bool), otherwise)[1]


def lengths(vectors: Float[Array, "*batch sources"]) -> Float[Array, "*batch 1"]:
    """Euclidean length; 1 where it is 0."""
    squares = jnp.sum(vectors**2, axis=-1, keepdims=True)
    return jnp.sqrt(jnp.where(squares > 0, squares, 1.0))


def cosines_of(products: Float[Array, "examples examples"]) -> Float[Array, "examples examples"]:
    """Cosines of vectors with these inner products; 0 for vectors of length 0."""
    size = jnp.sqrt(jnp.where(jnp.diagonal(products) > 0, jnp.diagonal(products), 1.0))
    return products / size[:, None] / size
