"""A study's record of random numbers, for tests that plant what they ask about and need the rest to be there."""

import typing

import numpy as np


def random_record(kind, sizes, /, *, seed=0, **fields):
    """A record of the given fields and random others: floats between 0 and 1, integers and booleans 0.

    sizes: how long axes are that no field of names tells. Floats that lead with seeds are NaN where `diverged` is set.
    """
    rng = np.random.default_rng(seed)
    sizes = sizes | {name: len(value) for name, value in fields.items() if isinstance(value, tuple)}
    values = {}
    for name, annotation in typing.get_type_hints(kind).items():
        if name in fields:
            values[name] = fields[name]
            continue
        axes = annotation.dim_str.split()
        shape = tuple(sizes[axis] for axis in axes)
        if not any(dtype.startswith("float") for dtype in annotation.dtypes):
            values[name] = np.zeros(shape, int)
            continue
        values[name] = rng.uniform(size=shape)
        if axes[:1] == ["seeds"] and "diverged" in fields:
            values[name][fields["diverged"]] = np.nan
    return kind(**values)
