"""Two units, from the question to the labels, with a real language model. It is small, and its labels are nonsense."""

import pytest
from support import real_model, unit_facts

from jaxinterp.explanation import asking, labels, prompting
from jaxinterp.explanation.answers import STATUSES, Parameters
from jaxinterp.explanation.asking import Asker, Failure, Patience
from jaxinterp.explanation.clients import Server

pytestmark = pytest.mark.skipif(bool(real_model.missing()), reason=real_model.missing())

BACKGROUND = unit_facts.BACKGROUND._replace(layers=(3,))
UNITS = (unit_facts.facts(0), unit_facts.facts(1), unit_facts.facts(2, dead=True))
SUBJECTS = [labels.Subject(0, BACKGROUND, (UNITS,), {"zero": unit_facts.connections(2)})]
PARAMETERS = Parameters(tokens=50)


def asker(url, folder, parameters=PARAMETERS):
    return Asker(Server(url, real_model.MODEL, parameters, timeout=120), folder, patience=Patience(2, 0.1, workers=2))


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """What the model said, where it is stored, what it took, and what became of questions that it cannot answer."""
    folder = tmp_path_factory.mktemp("answers")
    with real_model.serving() as url:
        model = asking.model_at(url)
        own = asker(url, folder)
        found = labels.explain(SUBJECTS, own, sees=False)
        long = prompting.of_network(BACKGROUND, [" ".join(["stroke"] * 2 * real_model.CONTEXT)], {})
        seen = prompting.of_unit(BACKGROUND, UNITS[0], sees=True)
        digits = asker(url, folder, Parameters(tokens=2, log_probabilities=5))
        likely = digits.ask([prompting.of_unit(BACKGROUND, UNITS[0], sees=False)]).results[0]
        impossible = [asker(url, folder).ask([prompt]) for prompt in (long, seen)]
    return model, url, folder, own, found, likely, impossible


def test_every_question_has_an_answer_with_a_status(explained):
    model, _, _, own, found, _, _ = explained
    assert model == real_model.MODEL and found.models == (model,)
    assert found.counts.pop("dead") == 1 and not set(found.counts) - {"dead", *STATUSES}
    assert not found.stopped and own.requests == 2 + 1 + 1 and not own.faults


def test_what_is_stored_is_found_without_the_server(explained):
    _, url, folder, _, found, _, _ = explained
    again = asker(url, folder)  # which has ended
    assert labels.explain(SUBJECTS, again, sees=False) == found and again.requests == 0


def test_tokens_are_estimated_to_within_a_half(explained):
    own = explained[3]
    for prompt in labels.planned(SUBJECTS, sees=False, store=own.store):
        counted = own.store.get(prompt).reply.prompt_tokens
        assert counted / 1.5 < prompt.tokens < counted * 1.5, (prompt.subject, counted, prompt.tokens)


def test_a_prompt_that_is_too_long_and_an_image_end_in_a_line(explained):
    long, seen = explained[-1]
    [failure] = long.results
    assert (
        isinstance(failure, Failure) and failure.final and "tokens is too long: the server says 400" in failure.reason
    )
    assert "takes no images: leave out --images" in seen.stopped


def test_log_probabilities_are_of_the_answers_tokens(explained):
    reply = explained[-2].reply
    assert len(reply.log_probabilities) == reply.answer_tokens == 2
    assert all(len(tokens) >= 5 and max(tokens.values()) <= 0 for tokens in reply.log_probabilities)
