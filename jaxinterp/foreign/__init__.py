"""How do weights that were trained elsewhere become a Network? From a PyTorch state_dict in .safetensors, or an .npz.

Names say what each tensor is (`names`), shapes which layer follows which and how its matrix lies (`order`). What they
leave open is an error that names the option to give, and accuracy shows mistakes (`accuracy`): see docs/import.md.
"""

from jaxinterp.foreign.accuracy import Check, check
from jaxinterp.foreign.files import read_tensors
from jaxinterp.foreign.order import Known
from jaxinterp.foreign.weights import Imported, Weights, import_weights, read_weights

__all__ = [
    "Check",
    "Imported",
    "Known",
    "Weights",
    "check",
    "import_weights",
    "read_tensors",
    "read_weights",
]
