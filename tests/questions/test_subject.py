import dataclasses

import pytest
from support import planted, planted_runs

from jaxinterp.config import DataConfig
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


def named(names, **changes):
    """A run on the planted images, whose data have these class names and other settings."""
    own = planted_runs.run(planted.network(), data=planted.data().replace(class_names=names))
    config = dataclasses.replace(own.config, data=dataclasses.replace(own.config.data, **changes))
    return dataclasses.replace(own, run=own.run._replace(config=config))


def test_names_of_the_classes_of_one_against_the_rest():
    unnamed, bags = (planted.data().replace(class_names=names) for names in ((), ("bag", "coat")))
    assert subject.class_names(DataConfig(positive=4), unnamed, 2) == ("not 4", "4")
    assert subject.class_names(DataConfig(), unnamed, 3) == ("0", "1", "2")
    assert subject.class_names(DataConfig(), bags, 3) == ("bag", "coat", "2")
    rest = bags.replace(class_names=("not coat", "coat"))
    assert subject.class_names(DataConfig(positive=1), rest, 2) == ("not coat", "coat")


def test_chosen_classes_keep_their_labels():
    assert subject.classes_of(named((), classes=(1, 3))) == ("0", "1", "2", "3")
    assert subject.classes_of(named(("a", "b", "c", "d"), classes=(1, 3))) == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("names", "text", "label"),
    [
        ((), "3", 3),
        (("bag", "ankle boot", "coat", "shirt"), "ankle boot", 1),
        (("bag", "ankle boot", "coat", "shirt"), "2", 2),
        (("3", "2", "1", "0"), "3", 0),  # as tables name it
    ],
)
def test_a_class_is_meant_by_its_name_or_its_number(names, text, label):
    assert subject.label_of(text, named(names)) == label


@pytest.mark.parametrize(
    ("names", "text", "words"),
    [
        ((), "4", "^no class 4: the network has classes 0 to 3$"),
        ((), "-1", "^no class -1: the network has classes 0 to 3$"),
        (
            ("bag", "boot", "coat", "hat"),
            "shoe",
            "^no class 'shoe': .* classes 0 to 3, which are bag, boot, coat, hat$",
        ),
        (("bag", "boot", "coat", "hat"), "4", "^no class '4': .* which are bag, boot, coat, hat$"),
    ],
)
def test_a_class_that_there_is_not_is_refused_with_those_that_there_are(names, text, words):
    with pytest.raises(InputError, match=words):
        subject.label_of(text, named(names))
