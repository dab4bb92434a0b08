"""What do the terms on the page mean? The glossary's headings, each with the text below it."""

import re
from importlib import resources


def terms() -> dict[str, str]:
    """The text of every term of page/glossary.md, in its order."""
    text = (resources.files("jaxinterp.report") / "page" / "glossary.md").read_text(encoding="utf-8")
    return {
        name.strip(): body.strip() for name, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    }
