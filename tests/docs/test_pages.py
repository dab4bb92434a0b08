"""Every page of the documentation can be reached, its links resolve, and its code has a test that runs it."""

import ast
import re
from pathlib import Path

import jupytext
import pytest
import yaml
from support import documents

import jaxinterp

ROOT = documents.ROOT
DOCS = ROOT / "docs"
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "site" not in page.parts]
TEXTS = [ROOT / "README.md", ROOT / "findings" / "README.md", ROOT / "checkpoints" / "README.md", *PAGES]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
RUN = {"python", "py", "sh"}  # py: where the library that it needs is installed


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def listed(navigation) -> list[str]:
    """The pages of a table of contents, through all of its sections."""
    if isinstance(navigation, str):
        return [navigation]
    parts = navigation.values() if isinstance(navigation, dict) else navigation
    return [page for part in parts for page in listed(part)]


@pytest.mark.parametrize("document", TEXTS, ids=name)
def test_links_resolve(document):
    check_links(documents.links(documents.text(document)), document)


@pytest.mark.parametrize("source", NOTEBOOKS, ids=name)
def test_links_of_a_notebook_resolve(source):
    cells = [cell.source for cell in jupytext.read(source).cells if cell.cell_type == "markdown"]
    check_links(documents.links("\n".join(cells)), source)


def check_links(links, document):
    for link in links:
        if re.match(r"[a-z]+:", link):
            assert re.fullmatch(r"https://[\w.-]+\.[a-z]+(/[\w./#%~+-]*)?", link), f"{name(document)}: {link}"
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{name(document)}: there is no {link}"
        assert not anchor or anchor in documents.anchors(target), f"{name(document)}: there is no {link}"
        # The site has the pages alone: what lies beside them in a checkout would be missing there.
        assert DOCS not in document.parents or DOCS in target.parents, f"{name(document)}: {link} is not in docs/"


@pytest.mark.parametrize("document", PAGES, ids=name)
def test_code_is_run_by_the_test_of_its_page(document):
    found = documents.blocks(document)
    fences = re.findall(r"^```", document.read_text("utf-8"), flags=re.MULTILINE)
    assert len(fences) == 2 * len(found), "every block of code names its language, text for what only shows output"
    assert {block.language for block in found} <= RUN | {"text"}
    if any(block.language in RUN for block in found):
        test = ROOT / "tests" / "docs" / f"test_{document.stem.replace('-', '_')}.py"
        assert re.search(r"documents\.(carry_out|blocks)\(", test.read_text("utf-8")), name(document)


def test_the_table_of_contents_has_every_page_once():
    # Tags such as !!python would need a loader that runs code: there are none.
    contents = listed(yaml.safe_load((DOCS / "mkdocs.yml").read_text("utf-8"))["nav"])
    assert sorted(contents) == sorted(page.relative_to(DOCS).as_posix() for page in PAGES)


def test_the_reference_has_every_public_module_once():
    shown = [
        module
        for page in sorted((DOCS / "api").glob("*.md"))
        for module in re.findall(r"^::: jaxinterp\.([\w.]+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    ]
    assert len(shown) == len(set(shown))
    package = Path(jaxinterp.__file__).parent
    parts = {
        f"{whole}.{part.stem}"
        for whole in ("analysis", "questions")
        for part in (package / whole).iterdir()
        if not part.name.startswith("_") and part.stem != "subject"
    }
    assert {*jaxinterp.__all__, *parts} - {"__version__", "analysis"} <= set(shown)
    for module in shown:
        file = package / module.replace(".", "/")
        tree = ast.parse(((file / "__init__.py") if file.is_dir() else file.with_suffix(".py")).read_text("utf-8"))
        assert ast.get_docstring(tree)
