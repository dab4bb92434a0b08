import numpy as np
import pytest
from support import planted, planted_runs

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
    flat = found._replace(image=found.image[:8], maps=found.maps[:, :8])  # not square: nothing but the curves
    assert not attributed.figure(flat).axes[0].images
