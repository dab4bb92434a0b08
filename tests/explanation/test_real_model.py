"""Two units, from the question to the scores, with a real language model. It is small, and its labels are nonsense."""

import json
import math

import pytest
from support import planted_labels, planted_runs, real_model, unit_facts

from jaxinterp.explanation import asking, labels, prompting, reading, simulate
from jaxinterp.explanation.answers import STATUSES, Parameters
from jaxinterp.explanation.asking import Asker, Failure, Patience
from jaxinterp.explanation.clients import Server
from jaxinterp.questions import explain, readers

pytestmark = pytest.mark.skipif(bool(real_model.missing()), reason=real_model.missing())

BACKGROUND = unit_facts.BACKGROUND._replace(layers=(3,))
UNITS = (unit_facts.facts(0), unit_facts.facts(1), unit_facts.facts(2, dead=True))
SUBJECTS = [labels.Subject(0, BACKGROUND, (UNITS,), {"zero": unit_facts.connections(2)})]
PARAMETERS = Parameters(tokens=50)
PREDICTED, READ = 3, 1  # images


def asker(url, folder, parameters=PARAMETERS):
    return Asker(Server(url, real_model.MODEL, parameters, timeout=120), folder, patience=Patience(2, 0.1, workers=2))


@pytest.fixture(scope="module")
def described():
    """A planted network with two units, for images of a 1 and for ink above, that takes most images for 0s."""
    network = planted_labels.network((1, planted_labels.TOP))
    return explain.describe(planted_runs.run(network, data=planted_labels.data(0, 100), path="planted"))


@pytest.fixture(scope="module")
def explained(tmp_path_factory, described):
    """What the model said of made-up units and of planted ones, what it took, and what it cannot answer."""
    folder = tmp_path_factory.mktemp("answers")
    with real_model.serving() as url:
        model = asking.model_at(url)
        own = asker(url, folder)
        found = labels.explain(SUBJECTS, own, sees=False)
        long = prompting.of_network(BACKGROUND, [" ".join(["stroke"] * 2 * real_model.CONTEXT)], {})
        seen = prompting.of_unit(BACKGROUND, UNITS[0], sees=True)
        impossible = [asker(url, folder).ask([prompt]) for prompt in (long, seen)]
        whole = asker(url, folder)
        asked = explain.ask(described, whole, sees=False, predict=PREDICTED, read=READ)
    return model, url, folder, own, found, impossible, whole, asked


def test_every_question_has_an_answer_with_a_status(explained):
    model, _, _, own, found, *_ = explained
    assert model == real_model.MODEL and found.models == (model,)
    assert found.counts.pop("dead") == 1 and not set(found.counts) - {"dead", *STATUSES}
    assert not found.stopped and own.requests == 2 + 1 + 1 and not own.faults


def test_what_is_stored_is_found_without_the_server(explained):
    _, url, folder, _, found, *_ = explained
    again = asker(url, folder)  # which has ended
    assert labels.explain(SUBJECTS, again, sees=False) == found and again.requests == 0


def test_tokens_are_estimated_to_within_a_half(explained):
    own = explained[3]
    for prompt in labels.planned(SUBJECTS, sees=False, store=own.store):
        counted = own.store.get(prompt).reply.prompt_tokens
        assert counted / 1.5 < prompt.tokens < counted * 1.5, (prompt.subject, counted, prompt.tokens)


def test_a_prompt_that_is_too_long_and_an_image_end_in_a_line(explained):
    long, seen = explained[5]
    [failure] = long.results
    assert (
        isinstance(failure, Failure) and failure.final and "tokens is too long: the server says 400" in failure.reason
    )
    assert "takes no images: leave out --images" in seen.stopped


def test_two_units_are_labelled_predicted_scored_and_read(explained, described):
    asker, asked = explained[-2:]
    assert not asked.stopped and asker.requests <= 2 + 1 + 1 + 2 * PREDICTED + 2 * 2 * READ and not asker.faults
    units, predictions, [tested] = asked.labels.units, asked.predictions, asked.tested
    assert {label.status for label in units} <= {"answered", "truncated"}
    labelled = [unit for unit, label in enumerate(units) if label.text]
    counts = {"answered": PREDICTED * len(labelled)}
    assert labelled and asked.counts == {
        "predictions": counts,
        **{f"{way}, seed 0": {"answered": 2 * READ} for way in (reading.MODEL, reading.TOLD)},
    }
    assert ((predictions.values[labelled] >= 0) & (predictions.values[labelled] <= 10)).all()
    stored = [json.loads(file.read_text()) for file in explained[2].rglob("*.json")]
    numbers = [own["answer"] for own in stored if own["question"]["field"] == "activation"]
    assert len(numbers) <= PREDICTED * len(labelled) and all(own["reply"]["log_probabilities"] for own in numbers)
    [own], names = explain.scored(described, {explained[0]: asked.labels}, predictions), described.inputs.classes
    for label, by_rules, by_model, values in zip(units, own.scores, own.predicted, predictions.filled, strict=True):
        compiled = simulate.compile_label(label.text, names, described.facts.data.shape)
        assert isinstance(compiled, simulate.Compiled) or math.isnan(by_rules.pearson)
        assert math.isnan(by_model.pearson) == (len(set(values)) == 1)  # constant predictions have no score
        assert by_rules.best is not None and by_rules.baseline > 0.8
    by_reader = {reader.reader: reader for reader in readers.reached(described.inputs, tested)}
    assert by_reader[reading.TRUTH].agreement == 0.5 and 0 <= by_reader[reading.MODEL].agreement <= 1
