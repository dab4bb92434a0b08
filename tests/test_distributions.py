"""The sdist and the wheel hold all that they should, and the wheel works outside the checkout.

They are built without a network, by the build backend of this environment.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from importlib import metadata
from pathlib import Path

import pytest
from support import compiling

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
BESIDE = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "MANIFEST.in")
BACKEND = int(metadata.version("setuptools").split(".")[0])
pytestmark = pytest.mark.skipif(BACKEND < 77, reason="pyproject.toml needs setuptools 77 or later")

# The wheel is made from the sdist, as it is where one is installed.
BUILD = """
import os, sys, tarfile
from setuptools import build_meta

folder = sys.argv[1]
sdist = build_meta.build_sdist(folder)
tarfile.open(os.path.join(folder, sdist)).extractall(folder, filter="data")
os.chdir(os.path.join(folder, sdist.removesuffix(".tar.gz")))
build_meta.build_wheel(folder)
"""


def run(*command, cwd, **environment):
    """A process that must end well: what it printed."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=os.environ | environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the sdist and the wheel."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    shutil.copytree(ROOT / "jaxinterp", source / "jaxinterp", ignore=shutil.ignore_patterns("__pycache__"))
    (source / "tests").mkdir()
    (source / "tests" / "test_nothing.py").touch()
    for name in BESIDE:
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-c", BUILD, folder, cwd=source)
    return folder


@pytest.fixture(scope="module")
def package():
    """Every file of the package."""
    files = (file.relative_to(ROOT) for file in (ROOT / "jaxinterp").rglob("*") if file.is_file())
    return {file.as_posix() for file in files if "__pycache__" not in file.parts}


def test_the_sdist_holds_the_package_and_its_papers(built, package):
    top = f"jaxinterp-{VERSION}"
    with tarfile.open(built / f"{top}.tar.gz") as archive:
        names = {name.removeprefix(f"{top}/") for name in archive.getnames() if archive.getmember(name).isfile()}
    assert package | set(BESIDE) <= names
    assert not {name for name in names - package if name.startswith(("jaxinterp/", "tests/"))}


def test_the_wheel_holds_the_package_alone(built, package):
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        about = Parser().parsestr(archive.read(f"jaxinterp-{VERSION}.dist-info/METADATA").decode())
    assert {name for name in names if not name.startswith(f"jaxinterp-{VERSION}.dist-info/")} == package
    needed = ("py.typed", "report/page/index.html", "explanation/prompts/unit.txt", "data/mnist/LICENSE.md")
    assert package >= {f"jaxinterp/{name}" for name in needed}
    assert {Path(name).name for name in names if "/licenses/" in name} == {"LICENSE", "LICENSE.md"}
    assert (about["Name"], about["Version"]) == ("jaxinterp", VERSION)
    assert set(about["Requires-Python"].split(",")) == set(PROJECT["requires-python"].split(","))


def test_the_wheel_works_outside_the_checkout(built, tmp_path):
    [wheel] = built.glob("*.whl")
    options = "--quiet --disable-pip-version-check --no-index --no-deps --no-compile --target".split()
    run(sys.executable, "-m", "pip", "install", *options, tmp_path / "site", wheel, cwd=tmp_path)
    environment = {"PYTHONPATH": str(tmp_path / "site"), "XDG_CACHE_HOME": str(ROOT / ".pytest_cache")}
    environment |= compiling.ENVIRONMENT
    where = "import jaxinterp; print(jaxinterp.__file__)"
    assert Path(run(sys.executable, "-c", where, cwd=tmp_path, **environment)).is_relative_to(tmp_path)
    commands = tmp_path / "site" / "bin"
    for name in ("jaxinterp", "jaxinterp-sweep"):
        assert run(commands / name, "--version", cwd=tmp_path, **environment) == f"{name} {VERSION}\n"
    asked = ("units", ROOT / "checkpoints" / "demo", "--layer", "hidden1", "--seeds", "0", "--top", "3")
    printed = run(commands / "jaxinterp", *asked, "--format", "json", cwd=tmp_path, **environment)
    assert [row["unit"] for row in json.loads(printed)["rows"]] == [0, 1, 2]
