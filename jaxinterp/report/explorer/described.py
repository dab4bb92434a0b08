"""What is a model, in the plain words that the page's script reads?"""

from typing import Any

from jaxinterp.networks import MLP, field_at, receptive_field
from jaxinterp.networks.steps import Layer, Operation


def steps_of(model: MLP) -> list[dict[str, Any]]:
    """What leads to each site, operation by operation."""

    def described(operation: Operation) -> dict[str, Any]:
        return {"operation": type(operation).__name__, **operation._asdict()}

    return [{"site": step.site, "operations": list(map(described, step.operations))} for step in model.steps]


def layers_of(model: MLP) -> list[dict[str, Any]]:
    """Each layer's units; maps: the size of a channel's map, and what its positions see of the image.

    patch: rows and columns that the middle position sees.
    """

    def maps(layer: Layer) -> dict[str, Any] | None:
        if layer.feature_map is None:
            return None
        rows, columns = layer.feature_map
        patch = field_at(model, layer.pre).shape[:2]
        return {"rows": rows, "columns": columns, **receptive_field(model, layer.pre)._asdict(), "patch": list(patch)}

    return [{"site": layer.post, "units": layer.units, "maps": maps(layer)} for layer in model.layers]
