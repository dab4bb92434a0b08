"""How are numbers and names written for a reader? With a true minus sign, — for what is not known, and a suggestion."""

import difflib
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

_NUMBER = re.compile(r"\d+")


def format_number(value: float, digits: int = 2) -> str:
    """A number with this many decimals; — where it is not finite."""
    return f"{value:z.{digits}f}".replace("-", "−") if math.isfinite(value) else "—"


def mean(values: Any, digits: int = 3) -> str:
    """The mean of the known values of a labelled array, with this many decimals; — where none is known."""
    return format_number(float(values.mean()), digits)


def format_percent(share: float, digits: int = 0) -> str:
    """A share in percent; — where it is not finite."""
    return f"{format_number(100 * share, digits)} %" if math.isfinite(share) else "—"


def suggestion(name: str, known: Iterable[str], *, shown: Callable[[str], object] = str) -> str:
    """For an error: " (did you mean X?)" with the known name that is spelled most like this one; "" if none is.

    None is where a known name differs in its numbers alone, such as hidden1 from hidden7: that one was not meant, and
    no other is as close. shown: from a known name to how it is written, such as the path of a folder.
    """
    known, alike = list(known), _NUMBER.sub("0", name)
    if name not in known and any(_NUMBER.sub("0", other) == alike for other in known):
        return ""
    near = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {shown(near[0])}?)" if near else ""
