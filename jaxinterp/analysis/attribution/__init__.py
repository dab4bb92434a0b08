"""Which pixels does a unit depend on, and why did it respond? Maps over pixels, paths through units, and their tests.

`METHODS` are the maps that explain one unit on each image, all called as method(network, images, units, site=…).
`deletion`, `insertion` and `sanity` test any of them.
"""

from collections.abc import Callable

from jaxinterp.analysis.attribution.evaluation import (
    Sanity,
    area,
    deletion,
    deletion_of_ink,
    insertion,
    random_order,
    randomized,
    sanity,
)
from jaxinterp.analysis.attribution.folding import contributions, is_piecewise_linear
from jaxinterp.analysis.attribution.integrals import (
    conductance,
    exact_conductance,
    exact_integrated_gradients,
    exact_is_cheap,
    integrated_gradients,
)
from jaxinterp.analysis.attribution.maps import (
    effective_weights_times_input,
    gradient,
    gradient_times_input,
    gradients,
    is_fixed,
    logit_gradients,
    probes,
    weights,
)
from jaxinterp.analysis.attribution.rebuilding import rebuilt
from jaxinterp.analysis.attribution.wiring import Connections, Paths, connections, top_paths
from jaxinterp.networks import folded, kernel_product, virtual_weights

METHODS: dict[str, Callable] = {
    "gradient": gradient,
    "gradient × input": gradient_times_input,
    "integrated gradients": integrated_gradients,
    "exact integrated gradients": exact_integrated_gradients,
    "effective weights × input": effective_weights_times_input,
}

__all__ = [
    "METHODS",
    "Connections",
    "Paths",
    "Sanity",
    "area",
    "conductance",
    "connections",
    "contributions",
    "deletion",
    "deletion_of_ink",
    "effective_weights_times_input",
    "exact_conductance",
    "exact_integrated_gradients",
    "exact_is_cheap",
    "folded",
    "gradient",
    "gradient_times_input",
    "gradients",
    "insertion",
    "integrated_gradients",
    "is_fixed",
    "is_piecewise_linear",
    "kernel_product",
    "logit_gradients",
    "probes",
    "random_order",
    "randomized",
    "rebuilt",
    "sanity",
    "top_paths",
    "virtual_weights",
    "weights",
]
