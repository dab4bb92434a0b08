"""Predictions from words: what an answer's probabilities mean, what is asked, and what nothing, or noise, scores."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import unit_facts
from support.language_server import MODEL, answer, fails, field, first, says, serving

from jaxinterp.explanation import asking, labels, pictures, predicting, score
from jaxinterp.explanation.answers import Answer, Reply
from jaxinterp.explanation.asking import Asker, Budget, Patience, Plan
from jaxinterp.explanation.clients import Server
from jaxinterp.explanation.labels import Label
from jaxinterp.explanation.prompting import SCALE

SHAPE = unit_facts.SHAPE
SITE = "hidden0/post"
IMAGES = np.random.default_rng(0).uniform(size=(6, 16)).astype(np.float32)
UNITS = (
    Label(0, SITE, 0, "a bar", "answered"),
    Label(0, SITE, 1, labels.DEAD_LABEL, labels.DEAD),
    Label(0, SITE, 2, "", "refused"),
    Label(0, SITE, 3, "a loop", "answered"),
)
SUBJECT = labels.Subject(0, unit_facts.BACKGROUND, unit_facts.layers(), {})
FOUND = labels.Labels(
    UNITS,
    (Label(0, SITE, None, "edges", "answered"), Label(0, "hidden1/post", None, "", "refused")),
    (Label(0, None, None, "it adds", "answered"),),
    "",
    (MODEL,),
)


def asker(server, folder, **options):
    return Asker(Server(server.url, MODEL), folder, patience=Patience(attempts=2, first=0.01), **options)


def reply(*places, value="7"):
    """An answer of tokens: those before the number, and the places of the number, each {token: probability}."""
    before = ({"{\n": 1.0}, {' "': 1.0}, {"activation": 1.0}, {'":': 1.0}, {' "': 1.0})
    known = tuple({token: math.log(own) for token, own in place.items()} for place in (*before, *places))
    return Answer("answered", value, Reply(f'{{"activation": "{value}"}}', log_probabilities=known))


weights = st.lists(st.floats(1e-4, 1), min_size=11, max_size=11).map(lambda own: np.array(own) / np.sum(own))


@given(weights, st.floats(0.05, 1), st.sampled_from(["{}", " {}", '"{}', ' "{}']))
def test_the_expected_number_is_that_of_the_allowed_tokens(own, allowed, form):
    """Other tokens take the rest of the probability, and count for nothing."""
    place = {form.format(number): allowed * value for number, value in zip(SCALE, own, strict=True)}
    chosen = max(place, key=place.get)
    place = {chosen: place[chosen]} | place | {"the": 1 - allowed + 1e-9, "11": 0.01}
    expected = predicting.expected(reply(place, {'"\n}': 1.0}))
    assert expected == pytest.approx(own @ np.arange(11), rel=1e-6)


@given(st.floats(0.01, 0.99), st.floats(0, 0.9), st.floats(0, 0.9))
def test_a_ten_of_two_tokens_is_told_from_a_one(one, zero, other):
    """The first token is a 1 or a 4, the second a 0, another digit, which the scale does not have, or the end."""
    after = {'"': 1.0, "0": max(zero * (1 - other), 1e-12), "3": max(other, 1e-12)}
    ten = zero
    expected = predicting.expected(reply({"1": one, "4": 1 - one}, after, value="1"))
    assert expected == pytest.approx(4 * (1 - one) + one * (1 + 9 * ten), abs=1e-6)
    assert predicting.expected(reply({"4": 1 - one, "1": one}, {'"': 1.0}, value="4")) == pytest.approx(4 - 3 * one)


def test_without_log_probabilities_the_number_counts():
    assert predicting.expected(Answer("answered", "7", Reply("7"))) == 7
    assert predicting.expected(reply({"seven": 1.0})) == 7  # the number is at no place
    assert predicting.expected(reply({"9": 0.5}, value="9")) == 9


def test_every_live_labelled_unit_is_predicted_on_every_image_from_its_label_alone(tmp_path):
    with serving() as server:
        found = predicting.activations(UNITS, IMAGES, SHAPE, asker(server, tmp_path), sees=False)
        again = predicting.activations(UNITS, IMAGES, SHAPE, asker(server, tmp_path), sees=False)
    assert len(server.asked) == 2 * len(IMAGES) and found.counts == {"answered": 2 * len(IMAGES)}
    np.testing.assert_array_equal(found.values, again.values)
    assert np.isfinite(found.values[[0, 3]]).all() and np.isnan(found.values[[1, 2]]).all()
    plan = Plan()
    predicting.activations(UNITS, IMAGES, SHAPE, plan, sees=False)
    assert sorted(map(str, (body["messages"] for body in server.bodies))) == sorted(
        str(own.messages) for own in plan.prompts
    )
    first_text = plan.prompts[0].text
    assert "a bar" in first_text and pictures.text(IMAGES[0], SHAPE) in first_text and "layer" not in first_text
    starts = {own.text.partition("The image:")[0] for own in plan.prompts}
    assert len(starts) == 2  # what varies comes last


def test_a_server_that_knows_the_activations_scores_and_one_that_is_constant_is_undefined(tmp_path):
    real = np.round(10 * IMAGES[:, :4].mean(axis=1)).astype(np.float32)

    def knows(exchange):
        text = exchange.body["messages"][0]["content"]
        [row] = [row for row, image in enumerate(IMAGES) if pictures.text(image, SHAPE) in text]
        says(json.dumps({field(exchange.body): str(int(real[row]))}))(exchange)

    for name, behaviour, expected in (("knows", knows, 1.0), ("constant", says('{"activation": "3"}'), np.nan)):
        with serving(behaviour) as server:
            found = predicting.activations(UNITS, IMAGES, SHAPE, asker(server, tmp_path / name), sees=False)
        reached = score.scores(found.filled.astype(np.float32), np.tile(real, (4, 1))).pearson
        np.testing.assert_allclose(reached, [expected, np.nan, np.nan, expected], rtol=1e-6)


def test_predictions_without_a_number_are_counted_and_say_nothing(tmp_path):
    behaviours = iter([says("no idea"), says("I'm sorry, but no"), fails(400, "too long"), says("")])
    with serving(lambda exchange: next(behaviours, answer)(exchange)) as server:
        own = asker(server, tmp_path)
        own.patience = own.patience._replace(workers=1)
        found = predicting.activations(UNITS, IMAGES, SHAPE, own, sees=False)
    kinds = {"answered": 8, "refused": 1, "empty": 1, "unparsable": 1, "failed": 1}
    assert found.counts == kinds and not found.stopped
    assert np.isnan(found.values[0]).tolist() == [True] * 4 + [False] * 2
    np.testing.assert_allclose(found.filled[0, :4], found.values[0, 4:].mean())
    np.testing.assert_array_equal(found.filled[3], found.values[3])


def test_a_budget_leaves_questions_waiting(tmp_path):
    with serving() as server:
        found = predicting.activations(
            UNITS, IMAGES, SHAPE, asker(server, tmp_path, budget=Budget(requests=5)), sees=False
        )
        assert found.counts == {"answered": 5, "waiting": 7} and "--max-requests" in found.stopped
        assert not predicting.activations(UNITS, IMAGES, SHAPE, asker(server, tmp_path), sees=False).stopped
    assert len(server.asked) == 2 * len(IMAGES)


def test_a_reader_has_background_and_summaries_and_its_answers_are_classes(tmp_path):
    with serving(first(then=says('{"class": "two"}'))) as server:
        found = predicting.classes(SUBJECT, FOUND, IMAGES, asker(server, tmp_path), sees=False)
    assert found.classes.tolist() == [2] * len(IMAGES) and found.counts == {"answered": len(IMAGES)}
    text = json.dumps(server.bodies[0]["messages"])
    for said in ("multilayer perceptron", "Layer 0: edges", "Layer 1: (no label: refused)", "The network: it adds"):
        assert said in text
    assert "a bar" not in text
    with serving(says("no idea")) as server:
        found = predicting.classes(SUBJECT, FOUND, IMAGES[:2], asker(server, tmp_path / "other"), sees=False)
    assert found.classes.tolist() == [predicting.NO_ANSWER] * 2 and found.counts == {"unparsable": 2}
    seen = Plan()
    predicting.classes(SUBJECT, FOUND, IMAGES[:1], seen, sees=True)
    assert seen.prompts[0].images == 1 and isinstance(seen, asking.Asks)


def test_a_reader_may_be_given_another_networks_summaries_and_told_that_half_are_wrong():
    other = Label(5, None, None, "it multiplies", "answered")
    both = FOUND._replace(networks=(*FOUND.networks, other), layers=(*FOUND.layers, other._replace(text="curves")))
    plan = Plan()
    for way in ({}, {"half_wrong": True}, {"summaries_of": 5}):
        predicting.classes(SUBJECT, both, IMAGES[:1], plan, **way, sees=False)
    own, told, another = (prompt.text for prompt in plan.prompts)
    assert told.replace(" It answers wrongly on half of the images.", "") == own != told
    assert "it multiplies" in another and "Layer 0: curves" in another and "it adds" not in another
    assert own.partition("\n[user]")[0] == another.partition("\n[user]")[0]  # the background is its own
    assert "by summaries of seed 5" in plan.prompts[2].subject
