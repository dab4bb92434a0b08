import json

import pytest
from support import unit_facts
from support.language_server import MODEL, answer, fails, first, key, says, serving

from jaxinterp.explanation import labels
from jaxinterp.explanation.asking import Asker, Budget, Patience
from jaxinterp.explanation.clients import Server
from jaxinterp.explanation.labels import Subject

OUTPUTS = {name: unit_facts.connections(2) for name in unit_facts.NAMES}
SUBJECTS = [Subject(seed, unit_facts.BACKGROUND, unit_facts.layers(dead=(1,)), OUTPUTS) for seed in (0, 3)]
LIVE, LAYERS = 5, 2


def asker(server, folder, budget=Budget()):  # noqa: B008
    return Asker(Server(server.url, MODEL), folder, budget, Patience(attempts=2, first=0.01))


def texts(server):
    return [json.dumps(body["messages"], ensure_ascii=False) for body in server.bodies]


def test_units_then_layers_then_the_network(tmp_path):
    with serving() as server:
        found = labels.explain(SUBJECTS[:1], asker(server, tmp_path), sees=False)
    assert not found.stopped and found.counts == {"dead": 1, "answered": LIVE + LAYERS + 1}
    assert [(label.site, label.unit) for label in found.units] == [
        (f"hidden{layer}/post", unit) for layer in range(2) for unit in range(3)
    ]
    dead = found.units[1]
    assert (dead.text, dead.status) == ("Dead neuron", "dead") and len(server.asked) == LIVE + LAYERS + 1
    sent = texts(server)
    assert all("Say what one unit" in text for text in sent[:LIVE])
    assert all("Summarise what one hidden layer" in text for text in sent[LIVE:-1])
    assert "Say how the network decides" in sent[-1]
    for layer in range(LAYERS):
        [prompt] = [text for text in sent[LIVE:-1] if f"The layer: number {layer}." in text]
        assert all(f"unit {label.unit}: {label.text}" in prompt for label in found.units[3 * layer : 3 * layer + 3])
        assert f"Layer {layer}: {found.layers[layer].text}" in sent[-1]
    assert found.networks[0].text == f"answers {key(server.bodies[-1])}" and found.models == (MODEL,)


def test_networks_are_explained_side_by_side(tmp_path):
    with serving() as server:
        found = labels.explain(SUBJECTS, asker(server, tmp_path), sees=False)
        assert [label.seed for label in found.networks] == [0, 3] and len(found.units) == 12
        assert len(server.asked) == LIVE + LAYERS + 1  # both say the same of themselves: what is answered is not asked
    assert found.units[:6] == tuple(label._replace(seed=0) for label in found.units[6:])


def test_what_failed_is_counted_and_said_in_later_prompts(tmp_path):
    behaviours = iter([says("I cannot help"), says("", finish="stop"), fails(400, "too long"), says("hm"), answer])
    with serving(lambda exchange: next(behaviours, answer)(exchange)) as server:
        own = asker(server, tmp_path)
        own.patience = own.patience._replace(workers=1)
        found = labels.explain(SUBJECTS[:1], own, sees=False)
    assert found.counts == {
        "dead": 1,
        "answered": 1 + LAYERS + 1,
        "refused": 1,
        "empty": 1,
        "unparsable": 1,
        "failed": 1,
    }
    assert sum(found.counts.values()) == 6 + LAYERS + 1 and not found.stopped
    prompts = " ".join(texts(server)[LIVE : LIVE + LAYERS])
    for status in ("refused", "empty", "failed", "unparsable"):
        assert f"(no label: {status})" in prompts


@pytest.mark.parametrize("limit", [1, 4, LIVE, LIVE + 1, LIVE + LAYERS])
def test_later_rounds_wait_until_the_earlier_are_over(tmp_path, limit):
    with serving() as server:
        found = labels.explain(SUBJECTS[:1], asker(server, tmp_path, Budget(requests=limit)), sees=False)
        assert found.counts["answered"] == len(server.asked) == limit
        assert found.counts["waiting"] == LIVE + LAYERS + 1 - limit and "--max-requests" in found.stopped
        whole = labels.explain(SUBJECTS[:1], asker(server, tmp_path), sees=False)
        assert not whole.stopped and len(server.asked) == LIVE + LAYERS + 1  # not one more than needed
    with serving() as server:
        assert labels.explain(SUBJECTS[:1], asker(server, tmp_path / "other"), sees=False) == whole


def test_a_question_that_failed_for_now_keeps_its_layer_waiting(tmp_path):
    unlucky = key({"messages": labels.planned(SUBJECTS[:1], sees=False)[0].messages})
    with serving(lambda exchange: (fails(500) if key(exchange.body) == unlucky else answer)(exchange)) as server:
        found = labels.explain(SUBJECTS[:1], asker(server, tmp_path), sees=False)
    assert found.stopped == "the server says 500: no" and found.units[0].reason == found.stopped
    assert found.counts == {"dead": 1, "answered": LIVE - 1, "waiting": 1 + LAYERS + 1}


@pytest.mark.parametrize("sees", [False, True])
def test_the_plan_is_what_is_then_asked(tmp_path, sees):
    with serving() as server:
        own = asker(server, tmp_path)
        plan = labels.planned(SUBJECTS[:1], sees=sees)
        labels.explain(SUBJECTS[:1], own, sees=sees)
        again = labels.planned(SUBJECTS[:1], sees=sees, store=own.store)
    asked = [body["messages"] for body in server.bodies]
    assert len(plan) == len(again) == len(asked)
    by_text = lambda prompts: sorted(map(json.dumps, prompts))  # noqa: E731
    assert by_text([prompt.messages for prompt in plan][:LIVE]) == by_text(asked[:LIVE])
    assert by_text([prompt.messages for prompt in again]) == by_text(asked)
    assert "(label of unit 0 of layer 0 of seed 0)" in plan[LIVE].text  # as nothing was known yet
    assert any("image_url" in text for text in texts(server)) == sees


def test_another_model_than_the_one_that_was_asked_is_known(tmp_path):
    with serving(first(then=says('{"label": "x", "summary": "y"}', model="parrot-7"))) as server:
        assert labels.explain(SUBJECTS[:1], asker(server, tmp_path), sees=False).models == ("parrot-7",)
