"""How are numbers written for a reader? With a true minus sign, and — for what is not known."""

import math
from typing import Any


def format_number(value: float, digits: int = 2) -> str:
    """A number with this many decimals; — where it is not finite."""
    return f"{value:z.{digits}f}".replace("-", "−") if math.isfinite(value) else "—"


def mean(values: Any, digits: int = 3) -> str:
    """The mean of the known values of a labelled array, with this many decimals; — where none is known."""
    return format_number(float(values.mean()), digits)


def format_percent(share: float, digits: int = 0) -> str:
    """A share in percent; — where it is not finite."""
    return f"{format_number(100 * share, digits)} %" if math.isfinite(share) else "—"
