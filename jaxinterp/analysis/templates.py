"""What does each class look like? Templates over the pixels: class means, and the same maps turned and mirrored.

A map that correlates with a template no more than with the same template turned or mirrored does not look like it.
"""

import numpy as np
from jaxtyping import Float

from jaxinterp.data import Dataset, image_shape

KINDS = ("mean", "difference")
STATISTICS = ("mean", "sd", "share at 0")
TURNS = ("as it is", "mirrored", "upside down", "half turn", "transposed", "quarter left", "quarter right", "crossed")


def of_classes(data: Dataset, classes: int) -> Float[np.ndarray, "kinds classes pixels"]:
    """Each class's mean image, and that less the mean of all other images, in the order of `KINDS`.

    Means are over all images alike, so that a larger class counts for more of the rest. 0 for a class without images.
    """
    members = np.equal(data.labels[:, None], np.arange(classes)).astype(np.float64)
    count, total = members.sum(axis=0)[:, None], members.T @ data.images
    own = total / np.maximum(count, 1)
    rest = (total.sum(axis=0) - total) / np.maximum(count.sum() - count, 1)
    return np.where(count > 0, np.stack([own, own - rest]), 0).astype(np.float32)


def pixel_statistics(data: Dataset, classes: int) -> Float[np.ndarray, "groups statistics"]:
    """`STATISTICS` of the pixels of all images, then of each class's; NaN for a class without images."""
    mean, square = (np.mean(data.images**power, axis=1, dtype=np.float64) for power in (1, 2))
    moments = np.stack([mean, square, np.mean(data.images == 0, axis=1)])

    def of(members):
        mean, square, dark = moments[:, members].mean(axis=1) if members.any() else np.full(3, np.nan)
        return np.array([mean, np.sqrt(max(square - mean**2, 0)), dark])

    groups = [np.ones(len(data.labels), bool), *(data.labels == label for label in range(classes))]
    return np.stack(list(map(of, groups)))


def turned(maps: Float[np.ndarray, "*batch pixels"]) -> Float[np.ndarray, "turns *batch pixels"]:
    """Every map as it is, and in the seven other ways to turn and mirror a square, in the order of `TURNS`.

    Raises InputError for images that are not square.
    """
    grid = maps.reshape(*maps.shape[:-1], *image_shape(maps.shape[-1]))
    across = np.swapaxes(grid, -1, -2)
    made = (
        grid,
        grid[..., ::-1],
        grid[..., ::-1, :],
        grid[..., ::-1, ::-1],
        across,
        across[..., ::-1, :],
        across[..., ::-1],
        across[..., ::-1, ::-1],
    )
    return np.stack([turn.reshape(maps.shape) for turn in made])
