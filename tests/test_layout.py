"""Imports point one way, heavy libraries stay at the edge, and files stay short."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from jaxinterp import stats

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxinterp"
# Each may import from those before it, and a package from itself.
LADDER = (
    "errors",
    "files",
    "interrupts",
    "machine",
    "processes",
    "programs",
    "text",
    "archives",
    "choices",
    "config",
    "recipes",
    "records",
    "data",
    "interventions",
    "networks",
    "ensemble",
    "metrics",
    "epoch",
    "sizes",
    "train",
    "store",
    "parts",
    "foreign",
    "jobs",
    "doctor",
    "stats",
    "controls",
    "analysis",
    "explanation",
    "sweeps",
    "studies",
    "questions",
    "report",
    "cli",
    "__main__",
)
MODULES = sorted(file.relative_to(ROOT).as_posix() for file in PACKAGE.rglob("*.py"))
SCRIPTS = sorted(file.relative_to(ROOT).as_posix() for file in (ROOT / "scripts").glob("*.py"))


@cache
def parse(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(), name)


def imported(tree: ast.AST) -> Iterator[str]:
    """The dotted name of everything that is imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rung(name: str) -> str:
    """The module or package directly in jaxinterp that a file belongs to."""
    return Path(name).relative_to("jaxinterp").with_suffix("").parts[0]


def users(library: str) -> set[str]:
    return {rung(name) for name in MODULES if any(found.split(".")[0] == library for found in imported(parse(name)))}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name):
    own = rung(name)
    targets = {found.split(".")[1] for found in imported(parse(name)) if found.split(".")[0] == "jaxinterp"}
    if own == "__init__":
        assert not targets  # modules load when they are first used
        return
    assert own in LADDER, f"give {own} a place on the ladder"
    above = [target for target in targets - {own, "__version__"} if LADDER.index(target) >= LADDER.index(own)]
    assert not above, f"{name} imports {above}, which is not below it"


def test_the_ladder_has_no_rung_too_many():
    assert set(LADDER) == {rung(name) for name in MODULES} - {"__init__"}


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("matplotlib", {"report"}),
        ("jinja2", {"explanation", "report"}),
        ("openai", {"explanation"}),
        ("orbax", {"store"}),
        ("tensorflow_datasets", {"data"}),
        ("safetensors", {"foreign"}),
        ("h5py", {"foreign"}),
        ("openTSNE", {"analysis"}),
        ("umap", {"analysis"}),
        ("tensorboardX", {"report"}),
        ("wandb", {"report"}),
        ("sklearn", set()),
        ("keras", set()),
        ("pickle", set()),
        ("tensorflow", set()),
        ("torch", set()),
    ],
)
def test_only_one_place_knows_a_library(library, allowed):
    assert users(library) == allowed


JUDGES = ("judge", "scores", "runner")  # below jaxinterp/studies
ESTIMATORS = {name for name in vars(stats) if name.endswith("_estimate")} | {"Estimate", "with_images"}


@pytest.mark.parametrize(
    "name", [name for name in MODULES if rung(name) == "studies" and Path(name).stem not in JUDGES]
)
def test_no_study_computes_an_interval(name):
    tree = parse(name)
    assert not [found for found in imported(tree) if found.startswith("scipy.stats")]
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {getattr(function, "attr", getattr(function, "id", "")) for function in called}
    assert not names & ESTIMATORS


@pytest.mark.parametrize(
    "library", ["tensorflow_datasets", "h5py", "openTSNE", "umap", "openai", "tensorboardX", "wandb"]
)
def test_a_library_loads_when_it_is_needed(library):
    for name in MODULES:
        top = ast.Module([node for node in parse(name).body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        assert not any(found.startswith(library) for found in imported(top)), name


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("analysis/decompositions.py")])
def test_matrices_are_decomposed_in_one_module(name):
    # Which says why: elsewhere, two decompositions in one program could wait for each other for ever.
    calls = {ast.unparse(node) for node in ast.walk(parse(name)) if isinstance(node, ast.Attribute)}
    assert not {call for call in calls if call.startswith(("jnp.linalg.", "jax.scipy.linalg."))} - {"jnp.linalg.norm"}


@pytest.mark.parametrize("name", [name for name in MODULES if rung(name) != "cli"])
def test_only_the_command_line_prints(name):
    calls = [node for node in ast.walk(parse(name)) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert not [node.lineno for node in calls if node.func.id == "print"]


def test_importing_jaxinterp_loads_little():
    program = "import sys, jaxinterp; print(*sorted(name.partition('.')[0] for name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {"flax", "optax", "orbax", "jax", "matplotlib", "xarray", "tensorflow_datasets", "tyro", "rich", "scipy"}
    assert not heavy & set(found.stdout.split())


def test_no_file_asks_to_be_split():
    files = [file for folder in ("jaxinterp", "tests", "scripts", "notebooks") for file in (ROOT / folder).rglob("*")]
    files += [file for file in ROOT.iterdir() if file.name != "requirements.lock"]
    texts = (".py", ".md", ".toml", ".html", ".css", ".js")
    lines = {
        file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines())
        for file in files
        if file.is_file()
        and "node_modules" not in file.parts
        # Files without a suffix are texts at the top, and data elsewhere.
        and (file.suffix in texts or (not file.suffix and file.parent == ROOT))
    }
    assert "jaxinterp/train.py" in lines
    # A notebook holds its prose too.
    assert not {name: count for name, count in lines.items() if count > (500 if name.startswith("notebooks/") else 400)}


def test_the_locks_name_no_place():
    assert "://" not in (ROOT / "requirements.lock").read_text()
    packages = json.loads((ROOT / "tests/report/page/javascript/package-lock.json").read_text())["packages"]
    assert packages.pop("")["devDependencies"]
    assert all("resolved" not in package and "integrity" in package for package in packages.values())


@pytest.mark.parametrize("name", [*MODULES, *SCRIPTS])
def test_a_file_opens_with_what_it_answers(name):
    assert ast.get_docstring(parse(name))
    assert not any(found.startswith("__future__") for found in imported(parse(name)))  # it would switch shapes off
