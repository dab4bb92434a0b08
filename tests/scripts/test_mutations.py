"""Damaged files are refused in a line or read, and nothing worse; the script counts what is worse."""

import random

import damage
import mutations
import pytest
from mutations import Outcome
from specimens import SPECIMENS, Specimen

from jaxinterp.cli import shell
from jaxinterp.errors import InputError

SEED = 1  # the document has those of seed 0


def test_five_hundred_damaged_files_do_no_harm():
    faults = []
    found = mutations.outcomes(range(500), SEED, say=lambda line: line.startswith("tried") or faults.append(line))
    assert not faults, "\n".join(faults)
    assert sum(outcome.inputs for outcome in found.values()) == 500
    assert all(found[one.name].inputs for one in SPECIMENS if one.weight > 0.1)


def specimen(read, summed=True):
    return Specimen("a file", lambda _: None, read, ("*.json",), summed)


def fails(_):
    raise ValueError


def leaves(folder):
    (folder / "new").touch()
    return shell.guarded(refuses, [])


def refuses(_):
    raise InputError("no such thing")


def never_ends(_):
    while True:
        pass


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda _: shell.guarded(refuses, []), Outcome(1, refused=1)),
        (lambda _: 0, Outcome(1, accepted_damage=1)),
        (lambda _: shell.say("jaxinterp: damaged", "csv") or 0, Outcome(1)),
        (lambda _: 2, Outcome(1, refused=1, not_in_lines=1)),
        (lambda _: shell.say("noise of a library", "csv") or 0, Outcome(1, not_in_lines=1)),
        (lambda _: print("\x1b[2J") or 0, Outcome(1, accepted_damage=1, not_in_lines=1)),
        (fails, Outcome(1, traceback=1)),
        (leaves, Outcome(1, refused=1, left_files=1)),
        (never_ends, Outcome(1, hung=1)),
    ],
)
def test_what_happens_is_told_apart(tmp_path, monkeypatch, read, expected):
    monkeypatch.setattr(mutations, "LIMIT", 0.2)
    (tmp_path / "a.json").write_text('{"a": 1}')
    outcome, _ = mutations.try_input(specimen(read), tmp_path, random.Random(0))
    assert outcome == expected
    assert outcome.faults == sum(expected[2:])


def test_an_input_is_determined_by_its_number():
    for number in range(20):
        chosen, rng = mutations.choose(number, SEED)
        again, other = mutations.choose(number, SEED)
        assert chosen == again and rng.random() == other.random()
    assert {mutations.choose(number, SEED)[0].name for number in range(5000)} == {one.name for one in SPECIMENS}


@pytest.mark.parametrize("name", ["images as .npz", "images as IDX, gzipped", "weights as .safetensors"])
def test_edits_change_what_a_format_holds(tmp_path, name):
    chosen = next(one for one in SPECIMENS if one.name == name)
    chosen.make(tmp_path)
    for file in mutations.files_of(chosen, tmp_path):
        content = file.read_bytes()
        edited = {damage.damaged(file.name, content, random.Random(number)) for number in range(40)}
        assert len(edited) > 20
        assert sum(new[:4] == content[:4] and new != content for new in edited) > 10  # the format is still the same


def test_the_table_has_a_row_for_each_kind_and_one_for_all():
    text = mutations.table({"a": Outcome(1000, 900), "b": Outcome(2, 0, 1)}, 3, "today")
    assert "| a | 1,000 | 900 | 0 | 0 | 0 | 0 | 0 |" in text and "| **all** | 1,002 | 900 | 1 | 0 | 0 | 0 | 0 |" in text
    assert "Measured today, seed 3." in text
