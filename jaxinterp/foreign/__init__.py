"""How do weights that were trained elsewhere become networks? From files, PyTorch modules, or arrays in memory.

Names say what each tensor is (`names`), shapes which layer follows which, how its kernel lies (`order`) and how
convolutions move over the images (`geometry`). A Keras config or an nn.Sequential tells more (`steps`). What all leave
open is an error that names the option to give, and accuracy shows mistakes (`accuracy`): see docs/import.md.
"""

from jaxinterp.foreign.accuracy import MUST_DECIDE, Check, check
from jaxinterp.foreign.files import read_tensors
from jaxinterp.foreign.geometry import UndecidedError, options
from jaxinterp.foreign.in_memory import from_arrays, from_torch
from jaxinterp.foreign.layers import listed
from jaxinterp.foreign.order import Known
from jaxinterp.foreign.ranking import rank
from jaxinterp.foreign.sentences import sentences
from jaxinterp.foreign.weights import TOLD, Imported, Weights, import_weights, read_ensemble, read_weights

__all__ = [
    "MUST_DECIDE",
    "TOLD",
    "Check",
    "Imported",
    "Known",
    "UndecidedError",
    "Weights",
    "check",
    "from_arrays",
    "from_torch",
    "import_weights",
    "listed",
    "options",
    "rank",
    "read_ensemble",
    "read_tensors",
    "read_weights",
    "sentences",
]
