import sys
from functools import partial
from pathlib import Path

import pytest

import jaxinterp
from jaxinterp import store, studies
from jaxinterp.analysis import gates
from jaxinterp.studies import runner, sources
from jaxinterp.studies.inputs import Inputs

ROOT = Path(jaxinterp.__file__).parent


@pytest.fixture
def edited(monkeypatch):
    """Sources as they would be if a line were added to a file of the package."""

    def edit(file: str, line: str) -> None:
        changed = ROOT / file
        text = changed.read_text() + line
        monkeypatch.setattr(Path, "read_text", lambda own: text if own == changed else own.read_bytes().decode())
        sources._package.cache_clear()

    yield edit
    sources._package.cache_clear()


@pytest.mark.parametrize(
    ("file", "line", "same"),
    [
        ("studies/bottleneck_neurons/damage.py", "\nMORE = 1\n", False),
        ("stats.py", "\nMORE = 1\n", False),  # imported by what it imports
        ("stats.py", "\n'A remark.'\n# A comment.\n", True),
        ("studies/bottleneck_neurons/pruned.py", "\nMORE = 1\n", True),  # another topic of the study
        ("report/build.py", "\nMORE = 1\n", True),
        ("studies/bottleneck_neurons/damage.py", "\nfrom jaxinterp.analysis import pruning\n", False),
    ],
)
def test_code_changes_with_what_is_imported_and_with_nothing_else(edited, file, line, same):
    [measurement] = [own for own in studies.get("bottleneck-neurons").measurements if own.name == "predictors"]
    before = sources.code(measurement.fn)
    edited(file, line)
    assert (sources.code(measurement.fn) == before) == same


def test_a_file_that_chooses_what_to_import_depends_on_the_whole_package(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("import importlib\n\n\ndef load(name):\n    return importlib.import_module(name)\n")
    found = sources.imported({file}).keys() - {file}
    assert ROOT / "report/build.py" not in found >= {ROOT / "stats.py", ROOT / "__init__.py"}


def test_values_that_a_function_holds_count():
    def holding(value):
        return lambda: value

    different = [
        *(sources.code(partial(max, own)) for own in (1, 2)),
        *(sources.code(holding(own)) for own in (1, "1", gates.way, gates.spelled)),
    ]
    assert len(set(different)) == len(different)
    assert sources.code(holding((1, 2.5))) == sources.code(holding((1, 2.5)))


def test_all_that_a_measurement_runs_counts(toy, tmp_path):
    """Seen by the interpreter itself, while a measurement of a study is made."""
    config, splits, trained = toy
    store.save(tmp_path / "toy", config, trained, splits.test)
    inputs = Inputs("bottleneck-neurons", tmp_path / "toy", store.load(tmp_path / "toy"), splits)
    [measurement] = [own for own in studies.get("bottleneck-neurons").measurements if own.name == "rankings"]
    ran: set[str] = set()
    sys.setprofile(lambda frame, event, argument: ran.add(frame.f_code.co_filename))
    try:
        runner.take(measurement, {inputs.recipe: inputs})
    finally:
        sys.setprofile(None)
    within = {file for file in map(Path, ran) if file.is_relative_to(ROOT)}
    functions = [value for value in vars(measurement).values() if callable(value)]
    parts = [part for own in (runner.take, *functions) for part in sources._parts(own)]
    counted = sources.imported({part for part in parts if isinstance(part, Path)})
    assert len(within) > 5 and within <= counted.keys()
