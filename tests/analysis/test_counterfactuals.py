from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import planted, planted_images

from jaxinterp import ensemble, networks
from jaxinterp.analysis import counterfactuals
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP

SIDE, EXAMPLES, CLASSES = 5, 7, 4
FIRST, SECOND = 2, 0
answer = jax.jit(lambda net, image: net(image)[0])
fewest_rows, bisected_rows = jax.jit(counterfactuals.fewest_rows), jax.jit(counterfactuals.bisected_rows)


def network(*widths, **options):
    model = MLP(widths, CLASSES, initializer="torch", initializer_gain=3.0, **options)
    return networks.init(jax.random.key(3), model, SIDE * SIDE)


@pytest.fixture(scope="module")
def images():
    return np.float32(np.random.default_rng(0).uniform(0, 1, (EXAMPLES, SIDE * SIDE)))


def asked(fn, **options):
    return jax.jit(partial(fn, first=FIRST, second=SECOND, **options))


def margin_without(net, image, rows=slice(0), columns=slice(None)):
    """The margin of one image with a rectangle blanked."""
    picture = image.reshape(SIDE, SIDE).copy()
    picture[rows, columns] = 0
    logits = np.asarray(answer(net, picture.reshape(-1)))
    return logits[FIRST] - logits[SECOND]


def test_reading_is_of_two_logits_alone():
    logits = jnp.array([[1.0, 5, 3, 2], [0, 9, -2, 7]])
    found = counterfactuals.reading(logits, 2, 0)
    np.testing.assert_allclose(found.first, [3, -2])
    np.testing.assert_allclose(found.second, [1, 0])
    np.testing.assert_allclose(found.margin, [2, -2])
    np.testing.assert_allclose(found.probability, np.exp([3, -2]) / (np.exp([3, -2]) + np.exp([1, 0])), rtol=1e-6)
    turned = counterfactuals.reading(logits, 0, 2)
    np.testing.assert_allclose(turned.margin, -found.margin)
    np.testing.assert_allclose(turned.probability, 1 - found.probability, rtol=1e-6)


def test_a_planted_network_says_what_it_was_planted_to_say():
    data = planted.data()
    found = counterfactuals.read(planted.network(), data.images, planted.ALONE_CLASS, planted.PAIR_CLASS)
    assert np.all(found.margin[data.labels == planted.ALONE_CLASS] > 0)
    assert np.all(found.margin[data.labels == planted.PAIR_CLASS] < 0)
    blank = counterfactuals.read(planted.network(), np.zeros((1, 9), np.float32), planted.DEFAULT, 0)
    np.testing.assert_allclose(blank.margin, 0.2, rtol=1e-6)


def test_flip_rate_counts_changed_answers():
    before, after = (
        counterfactuals.reading(jnp.stack([jnp.zeros(5), jnp.array(margins)], 1), 1, 0)
        for margins in ([1.0, -1, 2, -3, 4], [2.0, 1, -2, -0.5, 0])
    )
    np.testing.assert_allclose(counterfactuals.flip_rate(before, after), 0.6)
    np.testing.assert_allclose(counterfactuals.flip_rate(after, before), 0.6)
    assert counterfactuals.flip_rate(before, before) == 0
    assert np.isnan(counterfactuals.flip_rate(before, after._replace(margin=after.margin.at[0].set(jnp.nan))))


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_erased_rows_are_the_slow_loop(images, chunk):
    net = network(6, 5)
    margins = asked(counterfactuals.erase_rows, chunk=chunk)(net, images)
    slow = [[margin_without(net, image, slice(rows)) for rows in range(SIDE + 1)] for image in images]
    np.testing.assert_allclose(margins, slow, atol=1e-5)
    blank = counterfactuals.read(net, np.zeros_like(images), FIRST, SECOND)
    np.testing.assert_allclose(margins[:, -1], blank.margin, atol=1e-6)
    lowest = asked(counterfactuals.erase_rows, bottom=True, chunk=chunk)(net, images)
    slow = [[margin_without(net, image, slice(SIDE - rows, SIDE)) for rows in range(SIDE + 1)] for image in images]
    np.testing.assert_allclose(lowest, slow, atol=1e-5)


def test_of_a_linear_network_each_row_takes_its_share(images):
    net = network()
    kernel = np.asarray(net.variables["params"]["output"]["kernel"])
    shares = (images * (kernel[:, FIRST] - kernel[:, SECOND])).reshape(EXAMPLES, SIDE, SIDE)
    margins = asked(counterfactuals.erase_rows)(net, images)
    np.testing.assert_allclose(-np.diff(margins), shares.sum(axis=2), atol=1e-5)
    drops = asked(counterfactuals.occlusion, size=1)(net, images)
    np.testing.assert_allclose(drops, shares, atol=1e-5)
    whole = asked(counterfactuals.occlusion, size=SIDE)(net, images)
    np.testing.assert_allclose(whole[:, 0, 0], shares.sum(axis=(1, 2)), atol=1e-5)


def test_fewest_and_bisected_rows_by_hand():
    margins = np.float32(
        [[1, 1, -1, -1, -1], [1, -1, 1, 1, -1], [-1, -2, -1, -1, -3], [-1, 2, 1, 1, -3], [0, 1, 1, 1, 1]]
    )
    np.testing.assert_array_equal(counterfactuals.fewest_rows(margins), [2, 1, 5, 1, 1])
    np.testing.assert_array_equal(counterfactuals.bisected_rows(margins), [2, 4, 5, 5, 1])


@settings(max_examples=50)
@given(hnp.arrays(np.float32, st.sampled_from([(6, 2), (6, 10), (6, 29)]), elements=st.sampled_from([-1.0, 1.0])))
def test_bisection_ends_at_a_flip_and_never_before_the_first(margins):
    fewest, bisected = fewest_rows(margins), bisected_rows(margins)
    rows = margins.shape[1] - 1
    for line, exact, searched in zip(margins, np.asarray(fewest), np.asarray(bisected), strict=True):
        flipped = line != line[0]
        assert exact == next((k for k in range(rows + 1) if flipped[k]), rows + 1)
        low, high = 0, rows
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if flipped[middle] else (middle, high)
        assert searched == (high if flipped[rows] else rows + 1) >= exact
        if np.all(flipped[exact:]):
            assert searched == exact


@pytest.mark.parametrize("chunk", [4, 100])
def test_the_fewest_window_is_the_slow_search(chunk):
    # Images near the boundary, so that windows of every size and none at all are found.
    images = np.float32(np.random.default_rng(1).uniform(0, 1, (60, SIDE * SIDE)))
    net = network(6)
    rows, start = asked(counterfactuals.fewest_window, chunk=chunk)(net, images)
    for image, *found in zip(images, np.asarray(rows), np.asarray(start), strict=True):
        before = margin_without(net, image) > 0
        windows = ((size, top) for size in range(1, SIDE + 1) for top in range(SIDE - size + 1))
        flips = (w for w in windows if (margin_without(net, image, slice(w[1], sum(w))) > 0) != before)
        assert tuple(found) == next(flips, (SIDE + 1, -1))
    assert len(np.unique(rows)) >= 4 and SIDE + 1 in rows
    assert np.all(rows <= counterfactuals.fewest_rows(asked(counterfactuals.erase_rows)(net, images)))


def test_nothing_flips_a_network_that_sees_nothing_and_no_blank_image(images):
    blind = jax.tree.map(jnp.zeros_like, network(6))
    for net, shown in ((blind, images), (network(6), np.zeros_like(images))):
        margins = asked(counterfactuals.erase_rows)(net, shown)
        np.testing.assert_array_equal(counterfactuals.fewest_rows(margins), SIDE + 1)
        np.testing.assert_array_equal(counterfactuals.bisected_rows(margins), SIDE + 1)
        rows, start = asked(counterfactuals.fewest_window)(net, shown)
        assert np.all(rows == SIDE + 1) and np.all(start == -1)
        np.testing.assert_allclose(asked(counterfactuals.occlusion, size=2)(net, shown), 0, atol=1e-6)


@pytest.mark.parametrize(("size", "stride", "chunk"), [(2, 1, 3), (3, 2, 100), (1, 3, 1)])
def test_occlusion_is_the_slow_loop(images, size, stride, chunk):
    net = network(6, 5)
    drops = asked(counterfactuals.occlusion, size=size, stride=stride, chunk=chunk)(net, images)
    places = range(0, SIDE - size + 1, stride)
    slow = [
        [
            [
                margin_without(net, image) - margin_without(net, image, slice(r, r + size), slice(c, c + size))
                for c in places
            ]
            for r in places
        ]
        for image in images
    ]
    np.testing.assert_allclose(drops, slow, atol=1e-5)


def test_without_dropout_noisy_passes_are_the_noiseless_one(images, key):
    net = network(6)
    found = counterfactuals.noisy_passes(net, images, key, passes=3)
    np.testing.assert_allclose(found.mean, net(images)[0], rtol=1e-6)
    assert not np.any(found.sd > 1e-6) and not np.any(found.differing)


def test_noisy_passes_are_the_slow_loop(images, key):
    net = network(6, 5, dropout=(0.3, 0.4))
    found = counterfactuals.noisy_passes(net, images, key, passes=9)
    passes = np.float64([net(images, dropout_key=jax.random.fold_in(key, i))[0] for i in range(9)])
    np.testing.assert_allclose(found.mean, passes.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.sd, passes.std(axis=0, ddof=1), atol=1e-5)
    answers = np.argmax(net(images)[0], axis=-1)
    np.testing.assert_allclose(found.differing, np.mean(passes.argmax(-1) != answers, axis=0), atol=1e-6)
    assert 0 < np.mean(found.differing) < 1


def test_dropout_before_a_linear_layer_has_a_known_mean_and_spread(images, key):
    rate, passes = 0.3, 2000
    net = network(20, dropout=(rate,))
    found = jax.jit(partial(counterfactuals.noisy_passes, passes=passes))(net, images, key)
    logits, activations = net(images)
    kernel = net.variables["params"]["output"]["kernel"]
    sd = np.sqrt(rate / (1 - rate) * (np.float64(activations["hidden0/post"]) ** 2 @ np.float64(kernel) ** 2))
    assert np.all(np.abs(found.mean - logits) < 5 * sd / np.sqrt(passes))
    np.testing.assert_allclose(found.sd, sd, rtol=0.15)


def test_every_question_can_be_asked_of_an_ensemble(trained, toy, key):
    data = toy[1].test.images[:5]
    alone = ensemble.take(trained.networks, 2)
    for fn in (
        partial(counterfactuals.read, first=1, second=0),
        partial(counterfactuals.erase_rows, first=1, second=0, chunk=4),
        partial(counterfactuals.fewest_window, first=1, second=0, chunk=100),
        partial(counterfactuals.occlusion, first=1, second=0, size=7, stride=7),
        partial(counterfactuals.noisy_passes, key=key, passes=3),
    ):
        together = jax.jit(ensemble.over_seeds(fn, chunk=2))(trained.networks, data)
        for many, one in zip(jax.tree.leaves(together), jax.tree.leaves(jax.jit(fn)(alone, data)), strict=True):
            np.testing.assert_allclose(many[2], one, atol=1e-4)


def test_wrong_questions_are_refused(images, key):
    net = network(6)
    with pytest.raises(InputError, match="no class 4: the network has classes 0 to 3"):
        counterfactuals.read(net, images, 4, 0)
    with pytest.raises(InputError, match="two different classes, got 1 twice"):
        counterfactuals.erase_rows(net, images, 1, 1)
    with pytest.raises(InputError, match="not square"):
        counterfactuals.erase_rows(net, images[:, :24], FIRST, SECOND)
    for size, stride in ((0, 1), (6, 1), (2, 0)):
        with pytest.raises(InputError, match=f"size is {size}, stride {stride}: use a size from 1 to 5"):
            counterfactuals.occlusion(net, images, FIRST, SECOND, size=size, stride=stride)
    with pytest.raises(InputError, match="passes is 1: use 2 or more"):
        counterfactuals.noisy_passes(net, images, key, passes=1)


@pytest.mark.parametrize("shape", planted_images.PLACES)
def test_rows_and_columns_are_those_that_convolutions_read(shape):
    net, data = planted_images.network(shape), planted_images.data(shape)
    bright = data.images[data.labels == 1]
    (rows, columns, _), (row, column, _) = shape, planted_images.PLACES[shape]
    margins = jax.jit(partial(counterfactuals.erase_rows, first=1, second=0))(net, bright)
    assert margins.shape == (len(bright), rows + 1)
    np.testing.assert_array_equal(np.diff(margins).argmin(axis=1), row)  # dim noise stays in the row's square
    lowest = jax.jit(partial(counterfactuals.erase_rows, first=1, second=0, bottom=True))(net, bright)
    np.testing.assert_array_equal(np.diff(lowest).argmin(axis=1), rows - 1 - row)
    occluded = np.asarray(jax.jit(partial(counterfactuals.occlusion, first=1, second=0, size=3))(net, bright))
    assert occluded.shape == (len(bright), rows - 2, columns - 2)
    tops, lefts = np.indices(occluded.shape[1:])
    covers = (tops <= row) & (row < tops + 3) & (lefts <= column) & (column < lefts + 3)
    assert np.all((occluded > 1) == covers)
    with pytest.raises(InputError, match=f"use a size from 1 to {rows}"):
        counterfactuals.occlusion(net, bright, 1, 0, size=rows + 1)


@pytest.mark.parametrize("shape", planted_images.PLACES)
def test_the_window_that_flips_is_the_row_that_convolutions_read(shape):
    net = planted_images.network(shape)
    output = net.variables["params"]["output"]
    biased = {**net.variables["params"], "output": {**output, "bias": jnp.float32([1, 0])}}
    data = planted_images.data(shape)
    bright = data.images[data.labels == 1]  # their logit of class 1 is 2.7, and at most 0.6 without the bright number
    net = net.replace(variables={"params": biased})
    found = jax.jit(partial(counterfactuals.fewest_window, first=1, second=0))(net, bright)
    np.testing.assert_array_equal(found.rows, 1)
    np.testing.assert_array_equal(found.start, planted_images.PLACES[shape][0])
