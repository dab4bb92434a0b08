"""Where do the images come from? Every source becomes three sets of flat images in [0, 1] with integer labels."""

from jaxinterp.data.datasets import (
    Dataset,
    Shape,
    Splits,
    as_dataset,
    check_images,
    default_shape,
    fingerprint,
    hash_arrays,
    image_shape,
    size_text,
    spaced_rows,
)
from jaxinterp.data.idx import altered, shipped
from jaxinterp.data.loading import load
from jaxinterp.data.options import pixel_permutation
from jaxinterp.data.packing import pack, unpack
from jaxinterp.data.shuffling import permutation
from jaxinterp.data.toy import Strokes, strokes, xor

__all__ = [
    "Dataset",
    "Shape",
    "Splits",
    "Strokes",
    "altered",
    "as_dataset",
    "check_images",
    "default_shape",
    "fingerprint",
    "hash_arrays",
    "image_shape",
    "load",
    "pack",
    "permutation",
    "pixel_permutation",
    "shipped",
    "size_text",
    "spaced_rows",
    "strokes",
    "unpack",
    "xor",
]
