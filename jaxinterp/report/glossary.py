"""What do this project's terms mean? The glossary's texts by term, as the page shows them on hover."""

import re
from functools import cache
from importlib import resources

_ALSO = re.compile(r"\*also: (.+)\*")


@cache
def terms() -> dict[str, str]:
    """The text of every term and of every synonym, in the order of the glossary.

    A term is a heading "## term"; a first paragraph "*also: …*" lists its synonyms, separated by commas.
    """
    text = resources.files("jaxinterp.report").joinpath("page", "glossary.md").read_text(encoding="utf-8")
    entries = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {name: body for entry in entries for name, body in _read(entry).items()}


def _read(entry: str) -> dict[str, str]:
    term, *lines = entry.strip().splitlines()
    synonyms = _ALSO.fullmatch(lines[0])
    text = " ".join(filter(None, lines[1:] if synonyms else lines))
    return dict.fromkeys([term, *(synonyms[1].split(", ") if synonyms else [])], text)
