"""Many questions to a server that misbehaves on purpose: nothing is lost, nothing is asked twice, nothing hangs."""

import time
from email.utils import formatdate

import pytest
from support import language_server, unit_facts
from support.language_server import MODEL, answer, completion, fails, first, hangs_up, key, late, says, sends, serving

from jaxinterp import files
from jaxinterp.errors import InputError
from jaxinterp.explanation import prompting
from jaxinterp.explanation.answers import Answer, Parameters
from jaxinterp.explanation.asking import Asker, Budget, Failure, Patience
from jaxinterp.explanation.clients import Server

PROMPTS = [prompting.of_unit(unit_facts.BACKGROUND, unit_facts.facts(unit), sees=False) for unit in range(8)]
SOON = Patience(attempts=4, first=0.01, longest=0.05, wait=2.0)
COST = PROMPTS[0].tokens + Parameters().tokens


def asker(server, folder, *, budget=Budget(), patience=SOON, timeout=5.0):  # noqa: B008
    return Asker(Server(server.url, MODEL, timeout=timeout), folder, budget, patience)


def labels(outcome):
    return [result.value if isinstance(result, Answer) else result.reason for result in outcome.results]


EXPECTED = [f"answers {key({'messages': prompt.messages})}" for prompt in PROMPTS]


def test_every_question_is_asked_once_and_then_no_more(tmp_path):
    with serving(late(0.02)) as server:
        own = asker(server, tmp_path)
        outcome = own.ask(PROMPTS)
        assert labels(outcome) == EXPECTED and outcome.is_final and not outcome.stopped
        assert len(server.asked) == own.requests == len(PROMPTS) == len(set(server.asked))
        assert own.tokens == 110 * len(PROMPTS)
        assert 1 < server.most <= SOON.workers
        assert asker(server, tmp_path).ask(PROMPTS[::-1]).results == outcome.results[::-1]
        assert len(server.asked) == len(PROMPTS)


FAULTS = {
    "429 with Retry-After": fails(429, **{"Retry-After": "0.05"}),
    "429 without": fails(429),
    "500": fails(500),
    "HTML": sends(b"<html>", kind="text/html"),
    "half an answer": sends(completion("x")[:40]),
    "broken off": language_server.breaks_off,
    "closed connection": hangs_up,
    "slow": late(1.0, says("too late")),
}
TIMEOUTS = {"slow": 0.5}  # seconds; other faults come at once


def all_arrived(own, server, name):
    """Whether the server read every request; where it is too slow, some may have ended before."""
    return len(server.asked) <= own.requests if name in TIMEOUTS else len(server.asked) == own.requests


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_costs_a_request_and_loses_nothing(tmp_path, name):
    with serving(first(FAULTS[name])) as server:
        own = asker(server, tmp_path, timeout=TIMEOUTS.get(name, 5.0))
        outcome = own.ask(PROMPTS)
    assert labels(outcome) == EXPECTED and outcome.is_final
    assert all_arrived(own, server, name) and own.requests == len(PROMPTS) + sum(own.faults.values())
    assert name in TIMEOUTS or own.requests == 2 * len(PROMPTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_ends_in_a_line_and_what_came_before_is_kept(tmp_path, name):
    def fades(exchange):
        (answer if len(server.asked) <= 3 else FAULTS[name])(exchange)

    with serving(fades) as server:
        own = asker(server, tmp_path, timeout=TIMEOUTS.get(name, 5.0))
        outcome = own.ask(PROMPTS)
    answered = [result for result in outcome.results if isinstance(result, Answer)]
    left = [result for result in outcome.results if isinstance(result, Failure)]
    assert [result.value for result in answered] == [label for label in labels(outcome) if label in EXPECTED]
    assert len(answered) == 3 and len(left) == 5 and not any(result.final for result in left)
    assert outcome.stopped.startswith("3 questions in a row failed, the last with: ") and not outcome.is_final
    assert all("\n" not in result.reason for result in left)
    assert all_arrived(own, server, name) and own.requests <= 3 + 5 * SOON.attempts
    with serving() as server:  # it works again
        assert labels(asker(server, tmp_path).ask(PROMPTS)) == EXPECTED
        assert len(server.asked) == 5


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (fails(404, "no such model"), "no model 'parrot' at"),
        (fails(401), "the server refuses the key"),
        (fails(429, "you exceeded", **{"Retry-After": formatdate(time.time() + 3600, usegmt=True)}), "it asks to wait"),
    ],
)
def test_a_fault_of_all_questions_ends_at_once(tmp_path, fault, said):
    with serving(fault) as server:
        outcome = asker(server, tmp_path).ask(PROMPTS)
    assert said in outcome.stopped and len(server.asked) <= SOON.workers
    assert {type(result) for result in outcome.results} == {Failure}


def test_one_question_that_cannot_be_answered_does_not_keep_the_others_back(tmp_path):
    long = key({"messages": PROMPTS[2].messages})

    def answers_the_others(exchange):
        refuse = fails(400, "the request exceeds the available context size")
        (refuse if key(exchange.body) == long else answer)(exchange)

    with serving(answers_the_others) as server:
        outcome = asker(server, tmp_path).ask(PROMPTS)
    assert outcome.is_final and not outcome.stopped and len(server.asked) == len(PROMPTS)
    assert outcome.results[2].final and "is too long: the server says 400" in outcome.results[2].reason
    assert labels(outcome)[:2] + labels(outcome)[3:] == EXPECTED[:2] + EXPECTED[3:]


ODD = {
    "refused": says("I'm sorry, I can't help with that."),
    "truncated": says('{"label": "a ba', finish="length"),
    "empty": says(None),
    "unparsable": says("bars"),
}


@pytest.mark.parametrize("status", ODD)
def test_odd_answers_are_stored_with_their_status_and_not_asked_again(tmp_path, status):
    with serving(ODD[status]) as server:
        for _ in range(2):
            outcome = asker(server, tmp_path).ask(PROMPTS)
            assert {result.status for result in outcome.results} == {status} and outcome.is_final
    assert len(server.asked) == len(PROMPTS) == len(list(tmp_path.rglob("*.json")))


def test_empty_choices_are_an_empty_answer(tmp_path):
    with serving(sends(b'{"choices": []}')) as server:
        outcome = asker(server, tmp_path).ask(PROMPTS[:2])
    assert [result.status for result in outcome.results] == ["empty"] * 2 and len(server.asked) == 2


def test_a_server_without_schemas_costs_a_few_requests_and_then_none(tmp_path):
    def plain(exchange):
        exchange.error(400, "unknown field response_format") if "response_format" in exchange.body else answer(exchange)

    with serving(plain) as server:
        assert labels(asker(server, tmp_path).ask(PROMPTS)) == EXPECTED
    assert len(server.asked) <= len(PROMPTS) + SOON.workers


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_no_more_requests_are_made_than_the_budget_allows(tmp_path, limit):
    with serving(first(fails(500), hangs_up)) as server:  # repeated requests count, too
        total = 0
        while True:
            own = asker(server, tmp_path, budget=Budget(requests=limit))
            outcome = own.ask(PROMPTS[:3])
            total += own.requests
            assert own.requests <= limit and len(server.asked) == total
            if outcome.is_final:
                break
            assert outcome.stopped == f"{limit} requests were made, as many as --max-requests allows"
    assert labels(outcome) == EXPECTED[:3] and total == 9


def test_no_more_tokens_are_used_than_the_budget_allows(tmp_path):
    answered = late(0.05, says('{"label": "a bar"}', used=(COST - 110, 10)))
    with serving(answered) as server:
        own = asker(server, tmp_path, budget=Budget(tokens=3.5 * COST))
        outcome = own.ask(PROMPTS)
        assert server.most <= 3  # a fourth might have used too many
        assert own.tokens == 3 * (COST - 100) and own.requests == len(server.asked) == 3
        assert f"{own.tokens:,} tokens were used" in outcome.stopped and "more than --max-tokens" in outcome.stopped
        assert labels(outcome).count("a bar") == 3


def test_a_pause_that_the_server_asks_for_is_kept_by_all(tmp_path):
    times = []

    def note(exchange):
        times.append(time.monotonic())
        fails(429, **{"Retry-After": "0.5"})(exchange) if len(times) == 1 else answer(exchange)

    with serving(note) as server:
        outcome = asker(server, tmp_path, patience=SOON._replace(workers=2)).ask(PROMPTS)
    assert outcome.is_final
    later = [moment - times[0] for moment in times[1:]]
    assert sum(0.1 < moment < 0.49 for moment in later) == 0 and len(server.asked) == len(PROMPTS) + 1


def test_one_process_asks_at_a_time(tmp_path):
    with serving() as server, files.only_writer(tmp_path), pytest.raises(InputError, match="another process"):
        asker(server, tmp_path).ask(PROMPTS)
    assert not server.asked


def test_an_answer_that_cannot_be_stored_ends_it_in_a_line(tmp_path):
    blocked = Asker(Server("http://127.0.0.1:1/v1", MODEL), tmp_path).store.file(PROMPTS[0]).parent
    blocked.write_text("a file where a folder is to be")
    with serving() as server, pytest.raises(InputError, match="could not be written"):
        asker(server, tmp_path).ask(PROMPTS[:1])


def test_it_works_where_a_loop_is_running_already(tmp_path):
    import asyncio

    async def notebook():
        return asker(server, tmp_path).ask(PROMPTS)

    with serving() as server:
        assert labels(asyncio.run(notebook())) == EXPECTED
