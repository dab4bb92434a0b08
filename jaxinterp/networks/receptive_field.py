"""Which part of the image does a position of a feature map see?"""

from typing import NamedTuple

from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks.layers import between, check_site, has_maps
from jaxinterp.networks.mlp import MLP
from jaxinterp.networks.steps import INPUT, Convolution, Pooling, operations


class ReceptiveField(NamedTuple):
    """In pixels, the same for rows and columns: position p sees size pixels, from offset + p · stride on.

    Those outside the image are padding.
    """

    size: int
    stride: int
    offset: int


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
