"""What do all pages share? Templates, scripts and styles from the folder page, and the hashes that a policy names."""

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment() -> Environment:
    """The templates of the folder page: what they show is text, and what they lack is an error."""
    return Environment(
        loader=PackageLoader("jaxinterp.report", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )


def joined(names: Sequence[str]) -> str:
    """The text of these files of the folder page, one after the other."""
    folder = resources.files("jaxinterp.report") / "page"
    return "\n" + "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def policy_hash(text: str) -> str:
    """How a page's policy names the one script, or style, that may be run: whatever else got in stays dead."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
