"""Which tensors does a file hold? Those of a .safetensors, .npz or Keras file, by name; a pickle is never opened."""

from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from jaxinterp import archives, files
from jaxinterp.errors import InputError
from jaxinterp.foreign import keras
from jaxinterp.foreign.steps import Described


class Tensors(NamedTuple):
    """Arrays by name, of a file or of an object in memory.

    path: the file, or what stands for the object in messages. ordered: whether the arrays come in the order in which
    they were written. described: what is known from more than the arrays.
    """

    path: Path
    arrays: dict[str, np.ndarray]
    ordered: bool
    described: Described = Described({}, ())


def read_tensors(path: Path | str) -> Tensors:
    """The arrays of a .safetensors, .npz, .h5 or .keras file, as they are stored.

    Raises InputError, in one line that names the file, for any other file and for one that cannot be read whole.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return Tensors(path, archives.members(path), ordered=True)
    if suffix == ".h5":
        return Tensors(path, keras.read_weights(path), ordered=False)
    if suffix == ".keras":
        arrays, described = keras.read_model(path)
        return Tensors(path, arrays, ordered=True, described=described)
    archives.check_file(path)
    if suffix != ".safetensors":
        raise InputError(
            f"{path.name} refused, because pickles can run code: give a .safetensors file "
            "(safetensors.torch.save_file(model.state_dict(), …)), an .npz file (numpy.savez) or a Keras file"
        )
    try:
        arrays = load_file(path)
    except AttributeError as error:  # the library looks the type up in NumPy
        raise InputError(
            f"{path} has numbers of a type that NumPy lacks, such as float8: convert them to float32"
        ) from error
    except Exception as error:  # damaged bytes raise errors of many kinds
        raise InputError(f"{path} is not a readable .safetensors file of plain arrays: {files.line(error)}") from error
    for name in arrays:
        archives.check_name(path, name)
    return Tensors(path, arrays, ordered=False)  # the format sorts them


def as_float32(path: Path, name: str, stored: np.ndarray) -> np.ndarray:
    """A weight as float32. Raises InputError for all but floating-point numbers, and for one that is not finite."""
    if not jnp.issubdtype(stored.dtype, np.floating):
        raise InputError(
            f"{path}: {name} is {stored.dtype}, and weights are floating-point numbers: convert it, or leave it out if "
            "it is none"
        )
    with np.errstate(all="ignore"):
        value, exact = np.asarray(stored, np.float32), stored.astype(np.float64)
    if not np.isfinite(value).all():
        kind = "too large for float32" if np.isfinite(exact).all() else "not finite"
        raise InputError(f"{path}: {name} has values that are {kind}: export a network whose training did not diverge")
    return value
