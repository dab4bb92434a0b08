import jax
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from jaxinterp import metrics
from jaxinterp.errors import InputError

KINDS = ("cross_entropy", "binary_cross_entropy", "squared_error")


EXAMPLES = 8


@st.composite
def answers(draw, most=4):
    """Logits in eighths, so that equal ones occur, and a label for each; few shapes, for each is compiled."""
    width = draw(st.integers(min(2, most), most))
    logits = draw(hnp.arrays(np.int32, (EXAMPLES, width), elements=st.integers(-100, 100))).astype(np.float32) / 8
    labels = draw(hnp.arrays(np.int32, EXAMPLES, elements=st.integers(0, max(width, 2) - 1)))
    return logits, labels


@settings(max_examples=50)
@given(answers())
def test_cross_entropy_is_minus_the_log_probability_of_the_label(drawn):
    logits, labels = drawn
    expected = -special.log_softmax(np.float64(logits), axis=-1)[np.arange(len(labels)), labels]
    np.testing.assert_allclose(metrics.losses("cross_entropy", logits, labels), expected, rtol=1e-5, atol=1e-5)


@settings(max_examples=50)
@given(answers(most=1))
def test_binary_cross_entropy_is_minus_the_log_probability_of_the_label(drawn):
    logits, labels = drawn
    signed = np.float64(logits[:, 0]) * np.where(labels == 1, 1, -1)
    found = metrics.losses("binary_cross_entropy", logits, labels)
    np.testing.assert_allclose(found, -special.log_expit(signed), rtol=1e-5, atol=1e-5)


@settings(max_examples=50)
@given(answers())
def test_squared_error_of_many_outputs_is_to_the_one_hot_label(drawn):
    logits, labels = drawn
    expected = ((np.float64(logits) - np.eye(logits.shape[-1])[labels]) ** 2).mean(-1)
    np.testing.assert_allclose(metrics.losses("squared_error", logits, labels), expected, rtol=1e-5)


@settings(max_examples=50)
@given(answers(most=1))
def test_squared_error_of_one_output_is_to_the_label_itself(drawn):
    logits, labels = drawn
    expected = (np.float64(logits[:, 0]) - labels) ** 2
    np.testing.assert_allclose(metrics.losses("squared_error", logits, labels), expected, rtol=1e-5)


def test_two_logits_are_worth_one_for_their_difference():
    two = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    labels = np.arange(50, dtype=np.int32) % 2
    one = two[:, 1:] - two[:, :1]
    np.testing.assert_allclose(
        metrics.losses("cross_entropy", two, labels),
        metrics.losses("binary_cross_entropy", one, labels),
        rtol=1e-4,
        atol=1e-6,
    )
    assert (
        metrics.predictions("cross_entropy", two).tolist() == metrics.predictions("binary_cross_entropy", one).tolist()
    )


@settings(max_examples=50)
@given(answers(), st.sampled_from(("cross_entropy", "squared_error")))
def test_of_many_outputs_the_highest_answers(drawn, kind):
    logits, labels = drawn
    assert metrics.predictions(kind, logits).tolist() == np.argmax(logits, -1).tolist()
    assert metrics.correct(kind, logits, labels).tolist() == (np.argmax(logits, -1) == labels).tolist()


@pytest.mark.parametrize(
    ("kind", "output", "answer"),
    [
        ("squared_error", 0.5, 0),
        ("squared_error", 0.51, 1),
        ("squared_error", -3.0, 0),
        ("binary_cross_entropy", 0.0, 0),
        ("binary_cross_entropy", 0.01, 1),
        ("binary_cross_entropy", -0.01, 0),
    ],
)
def test_one_output_is_read_against_its_threshold(kind, output, answer):
    logits = np.full((1, 1), output, np.float32)
    assert metrics.predictions(kind, logits).tolist() == [answer]
    assert metrics.correct(kind, logits, np.array([answer], np.int32)).tolist() == [True]


@settings(max_examples=50)
@given(answers(), st.sampled_from(("cross_entropy", "squared_error")))
def test_the_margin_is_positive_where_the_answer_is_right(drawn, kind):
    logits, labels = drawn
    expected = [row[label] - max(np.delete(row, label)) for row, label in zip(np.float64(logits), labels, strict=True)]
    margins = np.asarray(metrics.margins(logits, labels))
    np.testing.assert_allclose(margins, expected, rtol=1e-5, atol=1e-5)
    right = np.asarray(metrics.correct(kind, logits, labels))
    assert right[margins > 0].all()
    assert not right[margins < 0].any()  # at 0 two logits are equal, and the first of them answers


def test_one_output_has_no_margin():
    with pytest.raises(InputError, match="2 outputs"):
        metrics.margins(np.ones((3, 1), np.float32), np.array([0, 1, 1], np.int32))


@pytest.mark.parametrize("kind", KINDS)
def test_any_leading_axes_will_do(kind):
    outputs = 1 if kind == "binary_cross_entropy" else 3
    logits = np.random.default_rng(1).normal(size=(2, 5, outputs)).astype(np.float32)
    labels = np.random.default_rng(2).integers(0, 2, (2, 5)).astype(np.int32)
    together = metrics.losses(kind, logits, labels)
    one_by_one = jax.vmap(lambda *example: metrics.losses(kind, *example))(logits, labels)
    np.testing.assert_allclose(together, one_by_one, rtol=1e-6)
    assert metrics.correct(kind, logits[0, 0], jax.numpy.asarray(labels[0, 0])).shape == ()


def test_f1_is_that_of_every_class_against_the_rest():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 3, (2, 200))
    count = np.bincount(labels, minlength=4)  # there is no example of the last class
    confusion = metrics.by_class(np.float32(predictions == np.arange(4)[:, None]), labels, classes=4).T
    expected = sklearn.metrics.f1_score(labels, predictions, average=None)
    np.testing.assert_allclose(metrics.f1(confusion, count), [*expected, np.nan], rtol=1e-5)
    always_first = np.broadcast_to([1.0, 0, 0], (3, 3))
    np.testing.assert_allclose(metrics.f1(always_first, np.array([5, 5, 5])), [0.5, 0, 0], rtol=1e-6)
