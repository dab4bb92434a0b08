"""The committed notebooks are their sources, executed; and the sources run, at toy size."""

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import jax
import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest
from support.findings import judged
from support.random_results import random_results

from jaxinterp import data, recipes, studies

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(source.stem for source in FOLDER.glob("*.py"))
SETTINGS = ("RUN", "SEEDS", "EPOCHS")
RANDOM = ("one-vs-seven", "bottleneck-neurons", "llm-labels", "looking-for-four")
DEMO = Path(__file__).parents[1] / "checkpoints" / "demo"
NO_STUDY = ("07_cnn", "08_coalitions", "09_your_own_network", "10_a_new_analysis")  # or the claims of one row
SEEDS = 3  # the fewest with as many pairs
LARGEST = 1_500_000  # bytes
MACHINE = re.compile(r"/home/|/root|/tmp|/work|/Users/|[A-Z]:\\\\| at 0x[0-9a-f]")


@cache
def stored():
    """The demo's answers, and those on random records of the studies that it has no networks of."""
    return studies.answers(DEMO) | {study: answer(study) for study in RANDOM}


def answer(study):
    chosen = studies.get(study)
    results = random_results(chosen, seeds=2)
    findings = judged(chosen, results)
    return studies.Answer(chosen, chosen.answer(findings), list(findings.values()), results)


@pytest.fixture
def toy_size(monkeypatch):
    """Few units and images. The studies' answers are those kept in the demo, or on random records.

    The studies' own tests walk the real path.
    """
    load = data.load

    def load_few(config):
        splits = load(config)
        return splits._replace(test=jax.tree.map(lambda part: np.asarray(part[:200]), splits.test))

    monkeypatch.setattr(data, "load", load_few)
    kept = stored()
    monkeypatch.setattr(studies, "answers", lambda path: kept)
    for name, recipe in recipes.RECIPES.items():
        config = recipe.config
        config = dataclasses.replace(
            config,
            data=dataclasses.replace(config.data, train_size=None if config.data.source == "xor" else 200),
            model=dataclasses.replace(config.model, widths=(12, 8)[: len(config.model.widths)]),
            train=dataclasses.replace(config.train, learning_rate=0.1),
        )
        monkeypatch.setitem(recipes.RECIPES, name, dataclasses.replace(recipe, config=config))


def test_there_are_notebooks():
    assert {
        "01_one_vs_seven",
        "02_bottleneck_neurons",
        "03_instance_variation",
        "04_looking_for_four",
        "05_llm_labels",
        "06_dynamics",
        "07_cnn",
        "08_coalitions",
        "09_your_own_network",
        "10_a_new_analysis",
    } <= set(NAMES)
    assert NAMES == sorted(notebook.stem for notebook in FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("name", NAMES)
def test_the_source_runs(name, toy_size, tmp_path, capsys):
    source = FOLDER / f"{name}.py"
    text = source.read_text()
    for setting, value in zip(SETTINGS, (f"Path({str(tmp_path / 'run')!r})", SEEDS, 2), strict=True):
        text, found = re.subn(rf"^{setting} = .*$", f"{setting} = {value}", text, flags=re.MULTILINE)
        assert found == 1, f"{source.name} sets {setting} once"
    plt.switch_backend("agg")
    names = {"__name__": "__main__"}
    try:
        exec(compile(text, source, "exec"), names)
    finally:
        plt.close("all")
    if name not in NO_STUDY:
        assert names["answer"].sentence in capsys.readouterr().out
    assert names["run"].config.train.seeds == SEEDS


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_its_source_executed(name):
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text())
    cells, source = notebook["cells"], jupytext.read(FOLDER / f"{name}.py")
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ], "run: python scripts/notebooks.py"
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    assert {output["name"] for output in outputs if output["output_type"] == "stream"} == {"stdout"}
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_a_sentence_after_every_figure_says_what_is_seen(name):
    cells = json.loads((FOLDER / f"{name}.ipynb").read_text())["cells"]
    for cell, following in pairwise([*cells, {"cell_type": "none"}]):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            assert following["cell_type"] == "markdown", "".join(cell["source"])
            assert not following["source"][0].startswith("#"), following["source"]


@pytest.mark.parametrize("name", NAMES)
def test_the_first_cell_installs_the_package_where_it_is_missing(name, monkeypatch):
    code = [cell.source for cell in jupytext.read(FOLDER / f"{name}.py").cells if cell.cell_type == "code"]
    assert len(code) == 10 or not name.endswith(("network", "analysis"))  # those in ten cells
    commands = []
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    exec(code[0], {})
    assert commands == []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(code[0], {})
    assert commands == [[sys.executable, "-m", "pip", "install", "--quiet", ".."]]


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_tells_nothing_of_the_machine(name):
    file = FOLDER / f"{name}.ipynb"
    assert file.stat().st_size < LARGEST
    notebook = json.loads(file.read_text())
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    for cell in notebook["cells"]:
        assert not cell["metadata"]
        for output in cell.get("outputs", []):
            shown = output.get("data", {}) | {"text": output.get("text", "")}
            shown.pop("image/png", None)
            assert not MACHINE.search(json.dumps(shown))
