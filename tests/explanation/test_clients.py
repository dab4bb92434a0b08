"""One question to a real server on this machine, which misbehaves on purpose."""

import asyncio
import email.utils
import time

import pytest
from support import language_server, unit_facts
from support.language_server import answer, completion, fails, first, late, says, sends, serving

from jaxinterp.errors import InputError
from jaxinterp.explanation import asking, clients, prompting
from jaxinterp.explanation.answers import Parameters
from jaxinterp.explanation.clients import Client, Fault, Server

PROMPT = prompting.of_unit(unit_facts.BACKGROUND, unit_facts.facts(), sees=False)
SEEN = prompting.of_unit(unit_facts.BACKGROUND, unit_facts.facts(), sees=True)
CHOICE = PROMPT._replace(choices=("7", "17"))
SECRET = "sk-a-secret-0123456789"


def ask(url, prompt=PROMPT, *, times=1, timeout=5.0, parameters=Parameters()):  # noqa: B008
    """The replies, or faults, to a question that is asked one time after the other over one connection."""

    async def work():
        async with Client(Server(url, language_server.MODEL, parameters, timeout)) as client:
            found = []
            for _ in range(times):
                try:
                    found.append(await client.ask(prompt))
                except Fault as fault:
                    found.append(fault)
            return found

    found = asyncio.run(work())
    return found[0] if times == 1 else found


def test_an_answer_arrives_with_what_it_took():
    with serving() as server:
        reply = ask(server.url)
    assert reply.text and (reply.finish, reply.model) == ("stop", language_server.MODEL)
    assert (reply.prompt_tokens, reply.answer_tokens) == (100, 10)
    [body] = server.bodies
    assert body["messages"] == PROMPT.messages and body["max_tokens"] == Parameters().tokens
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["label"]
    assert len(server.log) == 1


# What a fault means for this question and for others, and what is said of it, in one line.
FAULTS = {
    "429": (fails(429, "slow down"), "wait", "the server says 429: slow down"),
    "500": (fails(500, "out of order"), "wait", "the server says 500: out of order"),
    "502 in HTML": (sends(b"<html>Bad", status=502, kind="text/html"), "wait", "the server says 502: Bad Gateway"),
    "HTML": (sends(b"<html>Welcome", kind="text/html"), "wait", "the server sent text/html instead of JSON"),
    "half an answer": (sends(completion("x")[:40]), "wait", "the server sent half an answer"),
    "broken off": (language_server.breaks_off, "wait", "no answer from the server: "),
    "closed connection": (language_server.hangs_up, "wait", "no answer from the server: "),
    "an error as an answer": (sends(b'{"error": {"message": "busy"}}'), "wait", "the server says: busy"),
    "no choices": (sends(b'{"id": 1}'), "wait", "the server's answer is incomplete: it has no choices"),
    "a list": (sends(b"[1]"), "wait", "the server sent JSON that is no object"),
    "slow": (late(2.0), "wait", "no answer within 0.5 s"),
    "trickling": (language_server.trickles, "wait", "no answer within 0.5 s"),
    "wrong key": (fails(401, "Incorrect API key"), "all", "the server refuses the key in JAXINTERP_API_KEY (401)"),
    "wrong model": (fails(404, "The model does not exist"), "all", f"no model {language_server.MODEL!r} at http://"),
    "no credit": (fails(402, "pay first"), "all", "the account is used up (402): pay first"),
    "redirection": (
        sends(b"", status=307, Location="http://elsewhere.invalid/"),
        "all",
        "the server redirects to http",
    ),
    "too long": (fails(400, "exceeds the available context size"), "question", "the prompt of about "),
    "too large": (fails(413, "no"), "question", "the prompt of about "),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_says_in_a_line_what_it_means(name):
    behaviour, meaning, said = FAULTS[name]
    with serving(behaviour) as server:
        began = time.monotonic()
        fault = ask(server.url, timeout=0.5)
    assert isinstance(fault, Fault) and fault.meaning == meaning and str(fault).startswith(said), fault
    assert "\n" not in str(fault) and len(str(fault)) < 400
    assert len(server.log) == 1 and time.monotonic() - began < 5  # the library repeats nothing, and nothing hangs


def test_an_address_without_a_server_is_a_fault():
    with serving() as server:
        pass
    fault = ask(server.url)
    assert fault.meaning == "wait" and not fault.reached and str(fault).startswith("no answer from the server: ")
    with pytest.raises(InputError, match=r"http://127.*: no answer from the server.*; is the server running\?"):
        asking.model_at(server.url)


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", 7), ("0.25", 0.25), ("in an hour", 3600), ("soon", None), (None, None)],
)
def test_the_pause_that_a_server_asks_for_is_known(header, wait):
    if header == "in an hour":
        header = email.utils.formatdate(time.time() + wait)
    with serving(fails(429, **({} if header is None else {"Retry-After": header}))) as server:
        fault = ask(server.url)
    assert fault.wait == (None if wait is None else pytest.approx(wait, abs=30 if wait > 1000 else 0))


@pytest.mark.parametrize(
    ("message", "sent", "not_sent"),
    [
        ("'max_tokens' is not supported; use 'max_completion_tokens' instead", "max_completion_tokens", "max_tokens"),
        ("Unsupported value: 'temperature' does not support 0", "max_tokens", "temperature"),
        ("response_format is not available", "max_tokens", "response_format"),
        ("bad request", "max_tokens", "response_format"),
        ("logprobs are not available", "max_tokens", "top_logprobs"),
    ],
)
def test_what_a_server_does_not_take_is_left_out_from_then_on(message, sent, not_sent):
    def picky(exchange):
        exchange.error(400, message) if not_sent in exchange.body else answer(exchange)

    with serving(picky) as server:
        fault, *replies = ask(server.url, CHOICE, times=3, parameters=Parameters(log_probabilities=5))
    assert fault.meaning == "changed" and all(reply.text for reply in replies)
    assert [not_sent in body for body in server.bodies] == [True, False, False]
    assert all(sent in body for body in server.bodies[1:])


def test_a_schema_that_was_taken_is_not_blamed():
    with serving(first(answer, fails(400, "bad request"))) as server:
        assert ask(server.url, times=3)[1].meaning == "question"
    assert all("response_format" in body for body in server.bodies)


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_model_without_eyes_ends_it_all_and_is_not_asked_again(status):
    with serving(fails(status, "image input is not supported; provide the mmproj")) as server:
        fault = ask(server.url, SEEN)
    assert fault.meaning == "all" and "takes no images: leave out --images" in str(fault)
    with serving(fails(500, "image input is not supported")) as server:
        assert ask(server.url).meaning == "wait"  # there was none in the prompt


def test_the_key_is_sent_to_the_server_and_said_to_nobody(monkeypatch):
    monkeypatch.setenv(clients.KEY, SECRET)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-meant-for-others")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-others")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: mine\nauthorization: others")
    with serving(fails(401, f"Incorrect key {SECRET}, sent as\n\x1b[31m Bearer {SECRET}")) as server:
        fault = ask(server.url)
    [headers] = server.headers
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in str(fault) and "Incorrect key …" in str(fault) and "\x1b" not in str(fault)
    assert not [name for name in headers if name.startswith(("openai", "x-stainless-os", "x-mine"))]


def test_the_key_of_others_is_not_sent(monkeypatch):
    monkeypatch.delenv(clients.KEY, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    with serving() as server:
        ask(server.url)
    assert SECRET not in str(server.headers)


def test_a_server_here_is_reached_without_a_proxy(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving() as server:
        assert ask(server.url).text


def test_log_probabilities_of_choices_are_kept_the_answers_own_first():
    top = [{"token": "7", "logprob": -0.1}, {"token": "8", "logprob": -2.5}, {"token": "9", "logprob": -3.0}]
    content = completion("8").replace(
        b'"index": 0',
        b'"logprobs": {"content": [{"token": "8", "top_logprobs": %s}]}, "index": 0'
        % str(top).replace("'", '"').encode(),
    )
    with serving(sends(content)) as server:
        reply = ask(server.url, CHOICE, parameters=Parameters(log_probabilities=2))
        assert list(reply.log_probabilities[0].items()) == [("8", -2.5), ("7", -0.1)]  # no choice begins with a 9
        assert ask(server.url, parameters=Parameters(log_probabilities=2)).text == "8"
    assert server.bodies[0]["top_logprobs"] == 2 and "top_logprobs" not in server.bodies[1]
    schema = server.bodies[0]["response_format"]["json_schema"]["schema"]["properties"]["label"]
    assert schema == {"type": "string", "enum": ["7", "17"]}


@pytest.mark.parametrize("content", [b'{"choices": []}', completion(None), completion(" ")])
def test_an_answer_without_content_is_a_reply(content):
    with serving(sends(content)) as server:
        assert not ask(server.url).text.strip()


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080/v1", True),
        ("http://localhost:8080/v1", True),
        ("http://[::1]/v1", True),
        ("http://127.9.9.9/v1", True),
        ("https://api.example.com/v1", False),
        ("http://localhost.example.com/v1", False),
        ("http://127.0.0.1.example.com/v1", False),
        ("http://192.168.1.5/v1", False),
        ("http://0.0.0.0/v1", False),
    ],
)
def test_only_this_machine_is_local(url, local):
    clients.check_url(url)
    assert clients.is_local(url) == local


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x/v1", "http://", "http://x:port/v1", "http://[::1"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(InputError, match="is no address of a server"):
        clients.check_url(url)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(InputError, match=f"as {clients.KEY}") as caught:
        clients.check_url(f"https://me:{SECRET}@example.com/v1")
    assert SECRET not in str(caught.value)


def test_the_model_is_the_only_one_that_is_listed():
    with serving(models=["one"]) as server:
        assert asking.model_at(server.url) == "one"
    with serving(models=["one", "two"]) as server:
        with pytest.raises(InputError, match="lists one, two: name one with --model"):
            asking.model_at(server.url)
        assert asking.model_at(server.url, "two") == "two"
        with pytest.warns(UserWarning, match="does not list a model 'three'; it lists one, two"):
            assert asking.model_at(server.url, "three") == "three"
    with serving(says("x")) as server:  # it has no list
        assert asking.model_at(server.url, "mine") == "mine"
        with pytest.raises(InputError, match="lists no models: name one with --model"):
            asking.model_at(server.url)
