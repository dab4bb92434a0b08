"""The glossary: one text for readers of docs/, for the installed package and for the page."""

from pathlib import Path

from jaxinterp.report import glossary

ROOT = Path(__file__).parents[2]
PACKAGED = ROOT / "jaxinterp" / "report" / "page" / "glossary.md"


def test_docs_and_package_have_the_same_text():
    assert (ROOT / "docs" / "glossary.md").read_text() == PACKAGED.read_text()


def test_no_term_is_defined_twice():
    lines = PACKAGED.read_text().splitlines()
    names = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    names += [name for line in lines if line.startswith("*also: ") for name in line[len("*also: ") : -1].split(", ")]
    assert sorted(names) == sorted(glossary.terms())
    assert len(names) == len({name.lower() for name in names})
