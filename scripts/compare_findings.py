"""Did a change alter what studies find? Compares two exports: `jaxinterp study STUDY --format json > FILE`, twice.

    python scripts/compare_findings.py before.json after.json

Prints every finding that is in one file alone, or whose measured value, control, score, interval or verdict differs.
Ends with 1 where there is any.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import Positional

TOLERANCE = 2e-3  # of a value, or of its size where that is above 1: what is left after rounding of sums in float32
ESTIMATES = ("ours", "control", "score", "joint")
TEXTS = ("control_name", "verdict")


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The findings of an export by id; a file may hold several tables, one per line."""
    tables = [json.loads(line) for line in path.read_text().splitlines()]
    rows = [row for table in tables for row in table["rows"] if "verdict" in row]
    return {f"{row['study']}: {row['id']}": row for row in rows}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs between two findings of one claim, in words."""
    found = [f"{name} {before[name]} → {after[name]}" for name in TEXTS if before[name] != after[name]]
    for name in ESTIMATES:
        parts = [part for part in ("mean", "low", "high") if differ(before[name][part], after[name][part])]
        found += [f"{name} {part} {shown(before[name][part])} → {shown(after[name][part])}" for part in parts]
    return found


def differ(first: float | None, second: float | None) -> bool:
    """Whether two numbers, or one that is known and one that is not, are further apart than rounding."""
    if first is None or second is None:
        return first is not second
    return not math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def shown(value: float | None) -> str:
    """A number with four digits, or —."""
    return "—" if value is None else f"{value:.4g}"


def compare(first: Positional[Path], second: Positional[Path], /) -> int:
    """Compare two exports of findings, and print what differs. The exit code is 1 if anything does.

    Args:
        first: the output of jaxinterp study STUDY --format json
        second: the same after a change
    """
    before, after = read(first), read(second)
    lines = [f"{name}: only in the first" for name in before.keys() - after.keys()]
    lines += [f"{name}: only in the second" for name in after.keys() - before.keys()]
    for name in before.keys() & after.keys():
        found = differences(before[name], after[name])
        lines += [f"{name}: {'; '.join(found)}"] if found else []
    print(*sorted(lines), sep="\n", end="\n" * bool(lines))
    print(f"{len(before)} and {len(after)} findings; {len(lines)} differ")
    return int(bool(lines))


def main(arguments: list[str]) -> int:
    """Parse the command line and compare."""
    return tyro.cli(compare, args=arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
