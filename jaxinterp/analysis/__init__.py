"""Which questions are asked of networks? Pure functions from activations or networks to records of arrays."""

__all__ = [
    "ablation", "ablation_search", "attribution", "barriers", "class_profiles", "coalitions", "correlation",
    "counterfactuals", "counterparts", "decompositions", "dictionaries", "directions", "doses", "dynamics", "edges",
    "facet_starts", "facets", "factorial", "fragments", "gates", "image_chunks", "last_layer", "locality",
    "map_matching", "matching", "maximization", "movement", "patching", "planted_facets", "projection", "pruning",
    "responses", "silhouettes", "similarity", "spectrum", "strokes", "superposition", "templates", "top_units",
    "two_classes", "units",
]  # fmt: skip
