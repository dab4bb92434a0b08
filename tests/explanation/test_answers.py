import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import unit_facts

from jaxinterp.errors import InputError
from jaxinterp.explanation import prompting
from jaxinterp.explanation.answers import STATUSES, Parameters, Reply, Store, clean, judged

PROMPT = prompting.of_unit(unit_facts.BACKGROUND, unit_facts.facts(), sees=False)
OTHER = prompting.of_unit(unit_facts.BACKGROUND, unit_facts.facts(1), sees=False)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ('{"label": "a bar"}', "a bar"),
        ('{\n  "label": "a\nbar"\n}', "a bar"),
        ('```json\n{"label": "a bar"}\n```', "a bar"),
        ('Sure! {"thought": 1} Here it is: {"label": "a {bar}"} Hope this helps', "a {bar}"),
        ("**Label:** a bar", "a bar"),
        ("I thought.\nlabel: a bar", "a bar"),
        ('{"label": "a bar"', "a bar"),
        ('{"label": "a\\u001b[31m bar\\u202e"}', "a[31m bar"),
    ],
)
def test_a_label_is_found(text, label):
    assert judged(Reply(text), "label")[:2] == ("answered", label)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(""), "empty"),
        (Reply(" \n"), "empty"),
        (Reply("", finish=""), "empty"),
        (Reply("", finish="length"), "truncated"),
        (Reply('{"label": "a ba', finish="length"), "truncated"),
        (Reply('{\n "label": "a ba', finish="length"), "truncated"),
        (Reply('{"label": "a ba', finish=""), "truncated"),  # the server ended without a word
        (Reply("It likes bars."), "unparsable"),
        (Reply('{"name": "a bar"}'), "unparsable"),
        (Reply('{"label": ["a bar"]}'), "unparsable"),
        (Reply('{"label": ""}'), "unparsable"),
        (Reply("", refusal="I must not"), "refused"),
        (Reply("", finish="content_filter"), "refused"),
        (Reply("I'm sorry, but I can't help with that."), "refused"),
        (Reply('{"label": "I cannot see images."}'), "refused"),
        (Reply('{"label": "a bar"}', finish="length"), "answered"),  # what was cut off are spaces
    ],
)
def test_every_reply_has_a_status(reply, status):
    answer = judged(reply, "label")
    assert answer.status == status and answer.reply == reply
    assert bool(answer.value) == (status == "answered")


@given(st.text(), st.sampled_from(["stop", "length", "content_filter", ""]))
def test_any_text_is_judged_and_a_value_is_one_printable_line(text, finish):
    answer = judged(Reply(text, finish), "label")
    assert answer.status in STATUSES and answer.value.isprintable()


@given(
    st.text().filter(
        lambda text: clean(text) and not judged(Reply(json.dumps({"label": text})), "label")[0] == "refused"
    )
)
def test_a_label_in_json_comes_back(text):
    for written in (json.dumps({"label": text}), f"```\n{json.dumps({'label': text}, indent=2)}\n```"):
        assert judged(Reply(written), "label").value == clean(text)[:2000]


@given(st.text(st.characters(exclude_categories=()), max_size=20), st.sampled_from(["stop", "length"]))
def test_what_is_stored_is_what_comes_back(tmp_path_factory, text, finish):
    store = Store(tmp_path_factory.mktemp("answers"), "parrot", Parameters())
    reply = Reply(text, finish, "", "parrot-2", 7, 9, ({"a": -0.5},))
    put = store.put(PROMPT, reply)
    assert store.get(PROMPT) == put and store.get(OTHER) is None


def test_an_answer_belongs_to_one_model_with_its_parameters_and_one_prompt(tmp_path):
    stores = [
        Store(tmp_path, "a", Parameters()),
        Store(tmp_path, "b", Parameters()),
        Store(tmp_path, "a", Parameters(9)),
    ]
    files = {store.file(prompt) for store in stores for prompt in (PROMPT, OTHER)}
    assert len(files) == 6
    stores[0].put(PROMPT, Reply('{"label": "x"}'))
    assert [store.get(PROMPT) is None for store in stores] == [False, True, True]


def test_the_file_holds_what_was_asked(tmp_path):
    store = Store(tmp_path, "parrot", Parameters())
    store.put(PROMPT, Reply("x"))
    [file] = tmp_path.rglob("*.json")
    stored = json.loads(file.read_text())
    assert stored["question"]["messages"] == PROMPT.messages and stored["answer"]["status"] == "unparsable"
    assert stored["prompts"] == prompting.version()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"answer": {"status": "fine", "value": "", "reply": {"text": ""}}}']
)
def test_a_damaged_answer_is_refused_in_a_line_and_names_its_file(tmp_path, content):
    store = Store(tmp_path, "parrot", Parameters())
    store.put(PROMPT, Reply("x"))
    store.file(PROMPT).write_text(content)
    with pytest.raises(
        InputError, match=r"\.json is missing or damaged: .*delete it: the question is then asked again"
    ):
        store.get(PROMPT)


CHOICES = ("0", "1", "5", "10", "T-shirt/top", "a", "A")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"activation": "5"}', "5"),
        ('{"activation": 10}', "10"),
        ('{"activation": 10.0}', "10"),
        ("```\n```\nactivation: **10**", "10"),
        ("It is 5.", "5"),
        ("5", "5"),
        ('{"activation": "t-shirt/TOP"}', "T-shirt/top"),
        ('{"activation": "A"}', "A"),
        ("5 of 10", ""),
        ("5.5", ""),
        ("-5", ""),
        ("15", ""),
        ('{"activation": true}', ""),
        ('{"activation": "none"}', ""),
    ],
)
def test_of_choices_the_only_one_that_is_named_counts(text, value):
    answer = judged(Reply(text), "activation", CHOICES)
    assert (answer.status, answer.value) == (("answered", value) if value else ("unparsable", ""))


@given(st.text(), st.sampled_from(["stop", "length", ""]))
def test_what_is_no_choice_is_never_answered(text, finish):
    for written in (text, json.dumps({"activation": text})):
        answer = judged(Reply(written, finish), "activation", CHOICES)
        assert (answer.status == "answered") == (answer.value in CHOICES) and answer.status in STATUSES


def test_other_choices_are_another_question(tmp_path):
    store = Store(tmp_path, "parrot", Parameters())
    assert len({store.file(PROMPT._replace(choices=own)) for own in ((), ("1",), ("1", "2"))}) == 3
