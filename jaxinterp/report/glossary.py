"""What do this project's terms mean? The glossary's texts by term, as the page shows them on hover."""

import re
from functools import cache
from importlib import resources


@cache
def terms() -> dict[str, str]:
    """The text of every term and of every synonym, in the order of the glossary.

    A term is a heading "## term"; a first line "also: …" lists its synonyms, separated by commas.
    """
    text = resources.files("jaxinterp.report").joinpath("page", "glossary.md").read_text(encoding="utf-8")
    entries = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {name: body for entry in entries for name, body in _read(entry).items()}


def _read(entry: str) -> dict[str, str]:
    term, *lines = entry.strip().splitlines()
    also = lines.pop(0).removeprefix("also: ").split(", ") if lines[0].startswith("also: ") else []
    return dict.fromkeys([term, *also], " ".join(lines))
