"""What are the classes called? Names that a source gives its labels, checked, and those that EMNIST leaves out."""

import string
from collections.abc import Sequence

from jaxinterp.data.datasets import Splits
from jaxinterp.errors import InputError

_LONGEST = 100  # characters of a name

_LETTERS = string.digits + string.ascii_uppercase
# TFDS prepares these without names. Merged classes hold the small letters that look like their capitals.
EMNIST: dict[str, tuple[str, ...]] = {
    "emnist/byclass": (*_LETTERS, *string.ascii_lowercase),
    "emnist/bymerge": (*_LETTERS, *"abdefghnqrt"),
    "emnist/balanced": (*_LETTERS, *"abdefghnqrt"),
    "emnist/letters": ("no letter", *string.ascii_uppercase),  # labels are from 1 to 26
}


def named(splits: Splits, names: Sequence[str], source: str) -> Splits:
    """The same data with names of the labels from 0 on; numbers in order are no names.

    Raises InputError, naming the source, where a label has no name, and for names that could not be told apart or
    printed.
    """
    names = tuple(names)
    if names == tuple(map(str, range(len(names)))):
        return splits
    highest = max(int(data.labels.max(initial=-1)) for data in splits)
    if highest >= len(names):
        raise InputError(f"{source} has {len(names)} class names and labels up to {highest}: name every label, from 0")
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
            raise InputError(
                f"{source} has the class name {name[:_LONGEST]!a}: use 1 to {_LONGEST} printable characters"
            )
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{source} has the class name {twice[0]!r} twice: give every class a name of its own")
    return Splits(*(data.replace(class_names=names) for data in splits))
