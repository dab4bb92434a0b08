"""How is a layer drawn in a plane, and what does the picture keep of it?"""

from jaxinterp.analysis.projection.alignment import Aligned, align
from jaxinterp.analysis.projection.embeddings import EXTRA, METHODS, UndrawableError, drawable, installed, t_sne, umap
from jaxinterp.analysis.projection.faithfulness import NEIGHBOURS, continuity, neighbour_overlap, trustworthiness
from jaxinterp.analysis.projection.pca import Components, pca, plane

__all__ = [
    "EXTRA",
    "METHODS",
    "NEIGHBOURS",
    "Aligned",
    "Components",
    "UndrawableError",
    "align",
    "continuity",
    "drawable",
    "installed",
    "neighbour_overlap",
    "pca",
    "plane",
    "t_sne",
    "trustworthiness",
    "umap",
]
