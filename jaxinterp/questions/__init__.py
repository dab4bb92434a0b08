"""What can be asked of any run, imported or trained, without training anything? One module per question.

Each module has a function `answer`, from loaded runs to a record, which `report.answers` shows as tables. Controls are
untrained networks of the same architecture, shuffled images, permuted labels, and units or directions drawn at random.
What too few networks leave open is said in the record's notes.
"""

from pathlib import Path

from jaxinterp.questions import ablate, attribute, coalitions, compare, explain, readers, units
from jaxinterp.questions.subject import label_of
from jaxinterp.studies import inputs
from jaxinterp.studies.inputs import Inputs

__all__ = ["ablate", "attribute", "coalitions", "compare", "explain", "label_of", "load", "readers", "units"]


def load(path: Path | str) -> Inputs:
    """A complete run with its networks and data. Raises InputError where there is none, or its data are missing."""
    return inputs.load("", Path(path))
