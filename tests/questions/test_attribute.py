import math

import jax
import numpy as np
import pytest
from support import planted, planted_images, planted_runs

from jaxinterp import networks
from jaxinterp.analysis import attribution
from jaxinterp.errors import InputError
from jaxinterp.questions import attribute
from jaxinterp.report.figures import attributed

IMAGE = 4  # of class 0, which unit 0 of both layers carries, and pixel 0 shows


@pytest.fixture(scope="module")
def run():
    own = planted.network()
    return planted_runs.run(own, planted_runs.permuted(own))


@pytest.fixture(scope="module")
def found(run):
    return attribute.answer(run, IMAGE)


def test_the_pixel_that_shows_the_class_has_all_of_the_logit(run, found):
    assert (found.what, found.label, found.method) == ("the logit of class 0", 0, attribute.EXACT)
    assert found.predictions.tolist() == [0, 0] and found.seeds == (0, 1)
    expected = np.zeros(planted.PIXELS)
    expected[0] = found.gains[0]
    np.testing.assert_allclose(found.maps, [expected, expected], atol=1e-5)
    image = run.test.images[IMAGE]
    np.testing.assert_allclose(found.values, 2 * (image[0] - 0.3), rtol=1e-5)
    np.testing.assert_allclose(found.maps.sum(axis=1), found.gains, rtol=1e-5)


def test_the_gain_passes_through_the_unit_that_carries_the_class(found):
    assert found.shown == 0 and list(found.passing) == ["hidden0", "hidden1"]
    for activations, parts in found.passing.values():
        np.testing.assert_allclose(parts, found.gains[0] * (np.arange(6) == planted.ALONE), atol=1e-5)
        assert activations[planted.DEAD] == 0 and activations[planted.ALONE] > 0


def test_the_curve_of_the_map_falls_first(found):
    by_map, at_random, ink = found.areas.T
    assert (by_map < at_random).all() and (by_map <= ink + 1e-6).all()
    np.testing.assert_allclose(found.curves[:, :, 0], found.values[:, None] * np.ones(3), rtol=1e-5)
    np.testing.assert_allclose(found.curves[:, :, -1], (found.values - found.gains)[:, None] * np.ones(3), atol=1e-5)


def test_permuting_units_moves_conductance_alone(run, found):
    other = attribute.answer(run, IMAGE, seed=1)
    np.testing.assert_allclose(other.maps, found.maps, atol=1e-6)
    for layer in found.passing:
        np.testing.assert_allclose(other.passing[layer][1], found.passing[layer][1][planted_runs.ORDER], atol=1e-5)


@pytest.mark.parametrize("method", attribute.METHODS)
def test_every_method_finds_the_pixel(run, method):
    found = attribute.answer(run, IMAGE, method=method)
    assert found.method == method and np.abs(found.maps[0]).argmax() == 0


def test_a_unit_is_explained_in_one_network(run):
    found = attribute.answer(run, IMAGE, unit=f"hidden1:{planted.ALONE}")
    assert found.what == "the pre-activation of hidden1:0" and found.seeds == (0,)
    assert list(found.passing) == ["hidden0"] and found.notes == (
        "units differ between networks: only that of seed 0 is explained",
    )
    np.testing.assert_allclose(found.maps[0, 0], found.gains[0], rtol=1e-5)
    first = attribute.answer(run, IMAGE, unit="hidden0:0")
    assert first.passing == {} and "no units: there is no hidden layer before what is explained" in first.notes


def test_another_class_can_be_explained(run):
    found = attribute.answer(run, IMAGE, label=2)
    assert found.what == "the logit of class 2" and (found.values < found.values.max() + 1).all()
    np.testing.assert_allclose(found.values, 0, atol=1e-6)  # its unit is silent


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": 200}, "no test image 200: use 0 to 199"),
        ({"image": -1}, "no test image -1"),
        ({"label": 4}, "no class 4: the network has classes 0 to 3"),
        ({"method": "magic"}, "no method 'magic'; there are gradient, gradient-x-input, integrated-gradients,"),
        ({"unit": "hidden1:0,1"}, "one unit is explained at a time: give one of hidden1:0,1"),
        ({"unit": "hidden1:0", "label": 1}, "cannot be explained at once"),
        ({"seed": 2}, "no seed 2 in mine: the run has seeds 0 to 1"),
    ],
)
def test_what_does_not_exist_is_refused(run, options, words):
    with pytest.raises(InputError, match=words):
        attribute.answer(run, **{"image": IMAGE} | options)


def test_one_output_speaks_for_class_1():
    run = planted_runs.run(planted.network())
    one = planted.network()
    params = dict(one.variables["params"])
    params["output"] = {name: leaf[..., :1] for name, leaf in params["output"].items()}
    network = one.replace(model=one.model.clone(outputs=1), variables={"params": params})
    data = run.test.replace(labels=(run.test.labels == 0).astype(np.int32))
    single = planted_runs.run(network, data=data, loss="binary_cross_entropy")
    found = attribute.answer(single, IMAGE)
    assert found.what == "the output" and found.predictions.tolist() == [1]
    assert np.abs(found.maps[0]).argmax() == 0 and found.notes == ("no interval: one network",)
    with pytest.raises(InputError, match="one output speaks for class 1"):
        attribute.answer(single, IMAGE, label=0)


def test_a_smooth_network_is_integrated_by_quadrature(run):
    own = planted.network()
    tanh = own.replace(model=own.model.clone(activation="tanh"))
    found = attribute.answer(planted_runs.run(tanh), IMAGE)
    assert found.method == attribute.SMOOTH
    np.testing.assert_allclose(found.maps.sum(axis=1), found.gains, rtol=1e-4)
    parts = found.passing["hidden1"][1]
    np.testing.assert_allclose(parts.sum(), found.gains[0], rtol=1e-4)


def test_the_picture_says_what_it_shows(found):
    drawn = attributed.figure(found)
    label = drawn.get_label()
    assert "What the logit of class 0 is due to, by exact integrated gradients" in label and "2 networks" in label
    assert len(drawn.axes) == 4 and len(drawn.axes[0].images) == 1
    flat = found._replace(shape=(1, 9, 1))  # rows are not known: nothing but the curves
    assert not attributed.figure(flat).axes[0].images


def convolutional(shape, *networks_, **options):
    one = planted_images.network(shape)
    return planted_runs.run(*(networks_ or (one, one)), data=planted_images.data(shape), **options)


@pytest.mark.parametrize("shape", planted_images.PLACES)
def test_the_planted_number_of_an_image_of_any_shape_is_found_and_drawn(shape):
    found = attribute.answer(convolutional(shape), 1)
    place = planted_images.PLACES[shape]
    expected = np.zeros(shape)
    expected[place] = planted_images.WEIGHT * 0.9
    assert (found.method, found.shape) == (attribute.EXACT, shape)
    np.testing.assert_allclose(found.maps, [expected.ravel(), expected.ravel()], atol=1e-5)
    np.testing.assert_allclose(found.passing["conv0"][1], [0, expected[place]], atol=1e-5)
    assert found.notes == ("a channel's activation is the mean over its map; its conductance: the sum over it",)
    drawn = attributed.figure(found)
    image, own, mean, _ = (axes.images[0].get_array() if axes.images else None for axes in drawn.axes)
    for values in (own, mean):
        np.testing.assert_allclose(values, expected[..., place[2]], atol=1e-5)
    np.testing.assert_allclose(image, found.image.reshape(shape).squeeze())
    assert image[place[: image.ndim]] == np.float32(0.9)
    assert ("all channels together" in drawn.get_label()) == (shape[2] > 1)


def test_classes_have_their_names_but_a_digit_is_not_named_twice():
    found = attribute.answer(convolutional(planted_images.FLAT), 1)
    assert found.what == "the logit of class 1, ankle boot" and found.named(found.label) == "1, ankle boot"
    assert attribute.answer(convolutional(planted_images.FLAT), 1, label=0).what == "the logit of class 0, sandal"
    assert found._replace(class_names=("0", "one")).named(0) == "0"


def test_a_channel_is_explained_by_the_mean_over_its_map():
    shape = planted_images.COLOUR
    found = attribute.answer(convolutional(shape), 1, unit="conv0:1")
    assert found.what == "the pre-activation of conv0:1, mean over its map"
    image = found.image.reshape(shape)
    np.testing.assert_allclose(found.values, image[..., 2].mean(), rtol=1e-5)
    np.testing.assert_allclose(found.maps[0].reshape(shape)[..., 2], image[..., 2] / (shape[0] * shape[1]), rtol=1e-4)


@pytest.fixture(scope="module")
def random_convolutions():
    model = planted_images.model(planted_images.COLOUR, widths=(6,), bias_initializer="torch")
    made = [networks.init(jax.random.key(seed), model, math.prod(planted_images.COLOUR)) for seed in range(2)]
    return convolutional(planted_images.COLOUR, *made)


def test_the_map_and_the_conductances_of_convolutions_add_up(random_convolutions):
    found = attribute.answer(random_convolutions, 3)
    assert found.method == attribute.EXACT and len(found.notes) == 1
    np.testing.assert_allclose(found.maps.sum(axis=1), found.gains, rtol=1e-5, atol=1e-6)
    for _, parts in found.passing.values():
        np.testing.assert_allclose(parts.sum(), found.gains[0], rtol=1e-5, atol=1e-6)


def test_a_map_that_does_not_add_up_says_how_far_it_is_from_the_gain(random_convolutions, monkeypatch):
    monkeypatch.setattr(attribution.integrals, "_MOST_BREAKS", 10)
    found = attribute.answer(random_convolutions, 3)
    assert found.method == attribute.SMOOTH
    gap = np.abs(found.maps.sum(axis=1) - found.gains).max()
    assert gap > 1e-4 * np.abs(found.maps).sum(axis=1).max()
    said = f"the sum of the map is up to {gap:.2g} from the gain, by integrated-gradients; exact-integrated-gradients"
    assert any(note.startswith(said) for note in found.notes)
    gradient = attribute.answer(random_convolutions, 3, method="gradient")
    gap = np.abs(gradient.maps.sum(axis=1) - gradient.gains).max()
    assert f"the sum of the map is up to {gap:.2g} from the gain, by gradient" in gradient.notes
