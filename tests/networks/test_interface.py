"""Nobody outside the package spells how a kind of network names its layers and parameters."""

import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "jaxinterp"
# Names of layers and parameters in the texts of code, and fields of a kind of model; but not examples, as hidden1:3.
SPELLED = re.compile(r"""["'](hidden|conv|norm)(\d(?!:)|\{)|["']kernel["']|(?<!model)\.widths\b|norm_position""")
# What names fields of a config; what reads and writes files of other libraries; constants of write-ups.
ALLOWED = (
    "config.py",
    "cli/commands.py",
    "recipes.py",
    "jobs.py",
    "report/descriptions.py",
    "report/tables.py",
    "foreign/",
    "networks/",
)
PUBLISHED = {
    "studies/one_vs_seven/common.py",
    "studies/instance_variation/similarity.py",
    "studies/instance_variation/attention.py",
    "studies/llm_labels/neurons.py",
}
FILES = sorted(file.relative_to(PACKAGE).as_posix() for file in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.js")])


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith(ALLOWED)])
def test_only_networks_spells_its_names(name):
    lines = (PACKAGE / name).read_text().splitlines()
    spelled = [line.strip() for line in lines if SPELLED.search(line)]
    if name in PUBLISHED:
        assert spelled, f"{name} need not be an exception"
    else:
        assert not spelled
