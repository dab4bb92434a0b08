"""Strides, padding and pooling that fit: the true ones are among them, and all others leave as many positions."""

import dataclasses
import itertools
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.foreign.geometry import FIELDS, UndecidedError, fit

W = Path("w")
REDUCTIONS = ((1, 1), (2, 1), (1, 2))  # stride and pool_size: neither, stride 2, pooling by 2


def positions(config, geometry):
    """Positions of the last feature map of a config with this geometry; None where the image is too small."""
    try:
        return math.prod(networks.build(dataclasses.replace(config, **geometry)).maps[-1])
    except InputError:
        return None


def all_fitting(config, wanted):
    """Every choice in every block whose maps end in so many positions, one after the other."""
    choices = [
        dict.fromkeys((stride, padding, pool) for stride, pool in REDUCTIONS for padding in (0, size // 2))
        for size in config.kernel_size
    ]
    all_ = [dict(zip(FIELDS, zip(*blocks, strict=True), strict=True)) for blocks in itertools.product(*choices)]
    return [geometry for geometry in all_ if positions(config, geometry) == wanted]


def fitting(config, wanted, given=None):
    try:
        return [fit(W, config, wanted, given or {})]
    except UndecidedError as undecided:
        return list(undecided.geometries)


BLOCK = st.tuples(st.sampled_from([1, 2, 3, 5]), st.booleans(), st.sampled_from(REDUCTIONS))


def of_blocks(blocks, side):
    """A config and, apart from it, its geometry: from each block's window, whether it is padded, and its reduction."""
    sizes, padded, reductions = zip(*blocks, strict=True)
    strides, pools = zip(*reductions, strict=True)
    config = ModelConfig(channels=(2,) * len(sizes), kernel_size=sizes, image_shape=(side, side + 1, 1))
    padding = tuple(size // 2 * pads for size, pads in zip(sizes, padded, strict=True))
    return config, {"stride": strides, "padding": padding, "pool_size": pools}


@settings(max_examples=60, deadline=None)
@given(blocks=st.lists(BLOCK, min_size=1, max_size=4), side=st.integers(12, 40), field=st.sampled_from(FIELDS))
def test_the_true_geometry_is_always_among_those_that_fit(blocks, side, field):
    config, geometry = of_blocks(blocks, side)
    wanted = positions(config, geometry)
    if wanted is None:
        return
    assert fit(W, config, wanted, geometry) == geometry
    found = fitting(config, wanted)
    assert geometry in found and all(positions(config, each) == wanted for each in found)
    known = fitting(config, wanted, {field: geometry[field]})
    assert geometry in known and all(each[field] == geometry[field] for each in known)


@settings(max_examples=20, deadline=None)
@given(blocks=st.lists(BLOCK, min_size=1, max_size=3), side=st.integers(12, 40))
def test_those_that_fit_are_those_of_a_search_of_all(blocks, side):
    config, geometry = of_blocks(blocks, side)
    wanted = positions(config, geometry)
    if wanted is None:
        return
    expected, found = all_fitting(config, wanted), fitting(config, wanted)
    assert len(found) == len(expected) and all(each in expected for each in found)


@pytest.mark.parametrize("blocks", [7, 12])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("field", ["stride", "pool_size"])
def test_many_blocks_are_found_where_they_pad_alike_and_halve_by_one_means(blocks, padded, field):
    halving = tuple(2 if block in (1, 5) else 1 for block in range(blocks))
    geometry = dict.fromkeys(FIELDS, (1,) * blocks) | {"padding": (int(padded),) * blocks, field: halving}
    config = ModelConfig(channels=(2,) * blocks, kernel_size=(3,) * blocks, image_shape=(96, 96, 1))
    wanted = positions(config, geometry)
    assert wanted and geometry in fitting(config, wanted)


LENET = ModelConfig(channels=(6, 16), kernel_size=(5, 5), image_shape=(28, 28, 1))
MIXED = ModelConfig(channels=(4, 5), kernel_size=(3, 3), image_shape=(28, 28, 1))
STRIDED = ModelConfig(channels=(4, 5), kernel_size=(5, 3), image_shape=(28, 28, 1))


@pytest.mark.parametrize(
    ("config", "stride", "padding", "pool_size"),
    [(LENET, (1, 1), (2, 0), (2, 2)), (MIXED, (2, 1), (0, 0), (1, 2)), (STRIDED, (2, 1), (2, 1), (1, 2))],
)
def test_networks_whose_blocks_differ_are_offered_and_no_other_is_taken(config, stride, padding, pool_size):
    geometry = {"stride": stride, "padding": padding, "pool_size": pool_size}
    wanted = positions(config, geometry)
    assert wanted is not None
    with pytest.raises(UndecidedError, match="several common values fit") as caught:
        fit(W, config, wanted, {})
    assert geometry in caught.value.geometries


def test_plainer_geometries_come_first():
    first, *_, last = fitting(MIXED, 25)
    assert len(set(first["pool_size"])) == len(set(first["padding"])) == 1
    assert len(set(last["padding"])) + len(set(last["stride"])) + len(set(last["pool_size"])) > 3


def test_values_that_do_not_fit_are_refused():
    unlike = {"stride": (1, 1), "padding": (0, 0), "pool_size": (1, 1)}
    assert fit(W, MIXED, 576, {}) == unlike  # 24 × 24, which no other leaves
    assert fit(W, MIXED, 9, {"pool_size": (3,)})["pool_size"] == (3, 3)
    with pytest.raises(
        InputError, match=r"reads 26 positions of 5 channels, which no common values give .*: give --model"
    ):
        fit(W, MIXED, 26, {})
    with pytest.raises(InputError, match=r"with --model.stride 1 --model.padding 1 --model.pool-size 2 leave 7 × 7"):
        fit(W, MIXED, 25, {"stride": (1,), "padding": (1,), "pool_size": (2,)})
    with pytest.raises(InputError, match="stride needs one number, or one for each of the 2 blocks"):
        fit(W, MIXED, 25, {"stride": (1, 1, 1)})


def test_the_best_four_are_shown_with_their_accuracy():
    config = ModelConfig(channels=(2, 2, 2), kernel_size=(3, 3, 3), image_shape=(28, 28, 1))
    undecided = UndecidedError(W, all_fitting(config, 9))
    count = len(undecided.geometries)
    assert count > 5
    tested = [
        ({**geometry, "pool": pool}, (place - loss) / count)
        for place, geometry in enumerate(undecided.geometries[:-1])
        for pool, loss in (("max", 0.5), ("mean", 0))
    ]
    message = str(undecided.ranked(tested))
    shown = re.findall(r"--model\.pool (\w+) \(test accuracy ([\d.]+) %\)", message)
    assert shown == [("mean", f"{100 * (count - 2 - place) / count:.1f}") for place in range(4)]
    assert message.endswith(f"or one of {count - 4} more, of which 1 were not tested")
    assert str(undecided).count("--model.stride") == 4 and "accuracy" not in str(undecided)
