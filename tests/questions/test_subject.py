import pytest
from support import planted, planted_runs

from jaxinterp.errors import InputError
from jaxinterp.questions import subject
from jaxinterp.questions.subject import Group

MODEL = planted.network().model


@pytest.mark.parametrize(
    ("text", "layer", "units"), [("hidden1:3", 1, (3,)), ("hidden0:5,1", 0, (1, 5)), ("hidden0: 1, 1", 0, (1,))]
)
def test_units_are_named_by_layer_and_number(text, layer, units):
    found = subject.group(text, MODEL)
    assert found == Group(MODEL.layers[layer], units) and subject.group(str(found), MODEL) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hidden1", "names no units: write a layer and its units, such as hidden1:3,7"),
        ("hidden1:", "names no units"),
        ("hidden1:-1", "names no units"),
        ("hidden1:a", "names no units"),
        ("hidden2:1", "no hidden layer 'hidden2' in this network; it has hidden0, hidden1"),
        ("hidden1:6", "no unit 6 among 6: use 0 to 5"),
    ],
)
def test_what_names_no_units_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        subject.group(text, MODEL)


def test_networks_that_diverged_are_left_out_and_named():
    run = planted_runs.run(*map(planted_runs.drawn, range(3)), diverged=[1])
    assert subject.known_seeds(run.run) == [0, 2]
    assert subject.notes_on(run) == ["left out, since they diverged: seeds 1"]
    subject.check_seeds(run, [0, 2])
    for seed, words in ((1, "no seed 1 in mine: its network diverged"), (3, "the run has seeds 0 to 2")):
        with pytest.raises(InputError, match=words):
            subject.check_seeds(run, [seed])
    lost = planted_runs.run(planted_runs.drawn(0), diverged=[0])
    with pytest.raises(InputError, match="all networks diverged"):
        subject.known_seeds(lost.run)
    assert subject.notes_on(planted_runs.run(planted_runs.drawn(0))) == [subject.ONE_NETWORK]
