#!/usr/bin/env bash
# beartype 0.23.1, jaxtyping 0.3.11: what does checking an argument `Mapping[str, Float[ndarray, "n"]]` read?
#
# Guess: nothing but the type of the mapping, or every value.
# Seen: exactly one value, the first, through the mapping's own __getitem__. So (1) a mapping that loads its values when
# they are asked for, such as a folder of arrays, loads one by being passed to a function; and (2) a dict of arrays
# passes although its second array has another length or is no array: "n" binds nothing beyond the first value. A bare
# `Mapping` reads nothing.
#
# Output:
#   lazy mapping of 3: loaded by the check ['a']; with a bare Mapping []
#   dict whose second value is of another length: passes
#   dict whose second value is a text: passes
#   dict whose first value is a text: refused
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet beartype==0.23.1 jaxtyping==0.3.11 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
from collections.abc import Mapping

import numpy as np
from beartype import beartype
from jaxtyping import Float, jaxtyped


class Lazy(Mapping):
    def __init__(self):
        self.loaded = []

    def __getitem__(self, name):
        self.loaded.append(name)
        return np.ones(2)

    def __iter__(self):
        return iter("abc")

    def __len__(self):
        return 3


@jaxtyped(typechecker=beartype)
def checked(arrays: Mapping[str, Float[np.ndarray, "n"]]):
    pass


@jaxtyped(typechecker=beartype)
def bare(arrays: Mapping):
    pass


def verdict(arrays):
    try:
        checked(arrays)
        return "passes"
    except Exception:
        return "refused"


lazy, untouched = Lazy(), Lazy()
checked(lazy)
bare(untouched)
print(f"lazy mapping of 3: loaded by the check {lazy.loaded}; with a bare Mapping {untouched.loaded}")
cases = {
    "second value is of another length": {"a": np.ones(2), "b": np.ones(3)},
    "second value is a text": {"a": np.ones(2), "b": "text"},
    "first value is a text": {"a": "text", "b": np.ones(2)},
}
verdicts = [verdict(arrays) for arrays in cases.values()]
for name, result in zip(cases, verdicts):
    print(f"dict whose {name}: {result}")
assert (lazy.loaded, untouched.loaded) == (["a"], []) and verdicts == ["passes", "passes", "refused"]
PYTHON
