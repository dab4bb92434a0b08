"""Which part of the image does a position of a feature map see?"""

from typing import Any, NamedTuple

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks.convolution import convolved_shape
from jaxinterp.networks.layers import between, check_site, has_maps, image_shape
from jaxinterp.networks.mlp import MLP
from jaxinterp.networks.steps import INPUT, Convolution, Pooling, operations

Position = tuple[int, int]


class ReceptiveField(NamedTuple):
    """In pixels, the same for rows and columns: position p sees size pixels, from offset + p · stride on.

    Those outside the image are padding.
    """

    size: int
    stride: int
    offset: int


class Field(NamedTuple):
    """The pixels of an image that one position of a feature map sees, and the shape of that image.

    position: row and column in the map. top, left: the first row and column that are seen. shape: rows, columns and
    channels that are seen.
    """

    position: Position
    top: int
    left: int
    shape: tuple[int, int, int]
    image_shape: tuple[int, int, int]


def receptive_field(model: MLP, site: Site) -> ReceptiveField:
    """What the positions of a site's feature maps see. Source: Araujo et al. 2019, doi 10.23915/distill.00021.

    Raises InputError for an unknown site, and for one without feature maps, whose units see the whole image.
    """
    check_site(model, site)
    if not has_maps(model, site):
        raise InputError(f"{site} has no feature maps: its units see the whole image")
    size, stride, offset = 1, 1, 0
    for operation in operations(between(model, INPUT, site)):
        if isinstance(operation, Convolution):
            offset -= operation.padding * stride
            size += (operation.size - 1) * stride
            stride *= operation.stride
        elif isinstance(operation, Pooling):
            size += (operation.size - 1) * stride
            stride *= operation.size
    return ReceptiveField(size, stride, offset)


def field_at(model: MLP, site: Site, position: Position | None = None) -> Field:
    """What a position of a site's feature maps sees of the image; padding is left out.

    position: row and column; None for the middle (rows // 2, columns // 2), which sees no padding if any position sees
    none. Raises InputError as `receptive_field` does, for a position outside the map, and for one that sees no pixel.
    """
    size, stride, offset = receptive_field(model, site)
    shape: Any = image_shape(model)  # there is one, since the site has feature maps
    rows, columns = _map_shape(model, site, shape)
    row, column = (rows // 2, columns // 2) if position is None else position
    if not (0 <= row < rows and 0 <= column < columns):
        raise InputError(f"no position {(row, column)} at {site}: use rows 0 to {rows - 1}, columns 0 to {columns - 1}")
    starts = [offset + place * stride for place in (row, column)]
    top, left = (max(0, start) for start in starts)
    bottom, right = (min(side, start + size) for start, side in zip(starts, shape, strict=False))
    if bottom <= top or right <= left:
        raise InputError(
            f"position {(row, column)} at {site} sees padding alone: use one nearer to {(rows // 2, columns // 2)}"
        )
    return Field((row, column), top, left, (bottom - top, right - left, shape[2]), shape)


def _map_shape(model: MLP, site: Site, image: tuple[int, int, int]) -> tuple[int, int]:
    """Rows and columns of a site's feature maps."""
    rows, columns, _ = image
    for operation in operations(between(model, INPUT, site)):
        if isinstance(operation, Convolution):
            _, size, stride, padding = operation
            rows, columns = convolved_shape((rows, columns), size=size, stride=stride, padding=padding)
        elif isinstance(operation, Pooling):
            rows, columns = rows // operation.size, columns // operation.size
    return rows, columns
