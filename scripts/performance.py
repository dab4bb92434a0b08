"""How fast is jaxinterp? Writes docs/performance.md from the record of a benchmark; other parts stay as they are.

python scripts/benchmark.py      # first: over half an hour on two cores; writes benchmark.json
python scripts/performance.py    # reads benchmark.json, writes docs/performance.md
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import Positional

ROOT = Path(__file__).parents[1]
HEAD = """# Performance

Measured by `python scripts/benchmark.py` and written by `python scripts/performance.py`. All contestants run in turn in
one process, round after round; values are the median over rounds, with the lowest and the highest. A ratio is ours to
the peer's, round by round. Targets were set before measuring.

Training with own data orders takes longer than with a shared one because of the batches. A step with a shared order
converts one batch of images from bytes for all networks of a chunk, one with own orders a batch for each of them: eight
times as much is written to memory, as much again as the weights, and both together no longer fit a core's cache.
Products take the same time in both. Other layouts of the bytes, other chunks, and barriers between gathering,
converting and multiplying were tried, and gained nothing.

What bounds the other targets that are missed on a CPU. *Training*: its products run at the share of the machine's
fastest product that is shown; if they were as fast as that one, each ratio to PyTorch would grow by one over the share,
and the targets of 18 and 6 would still be missed. *Ablation* beside captum with all logits in one call: captum's cost
per call is shared by ten logits there; the target was set for one logit per call. *Procrustes* and the *permutations*
compare in double precision, where two cores multiply half as fast: 200 draws of 2,016 pairs are 8 · 10¹² operations,
and all pairs of 1,024 networks at two sites 1.3 · 10¹³.
*Convolutions*: an image takes 1.7 million operations forwards and backwards, a fifth of what the machine multiplies in
that time; the rest goes into copying the patches of nine pixels and comparing maps for pooling. XLA's own convolutions
of many networks at once, other chunks and other layouts of patches and pools were slower.
*The page*: what it takes longer cold than warm is compilation.
"""


def document(record: dict[str, Any], before: str = "") -> str:
    """The document from a benchmark's record; before: the document as it was, whose other parts stay."""
    parts = _parts(before) | {
        part.capitalize(): "\n".join([about(record), "", *table(rows)]) for part, rows in record["results"].items()
    }
    return "\n\n".join([HEAD.rstrip(), *(f"## {part}\n\n{text}" for part, text in parts.items())]) + "\n"


def _parts(document: str) -> dict[str, str]:
    """The text of each part of a document, by its heading."""
    _, *parts = re.split(r"^## ", document, flags=re.MULTILINE)
    return {heading: text.strip() for heading, _, text in (part.partition("\n") for part in parts)}


def about(record: dict[str, Any]) -> str:
    """What a benchmark ran on."""
    machine, rounds = record["machine"], record["options"]["rounds"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    where = f"Machine: {machine['cpu']}, {machine['cores']} cores, devices {', '.join(machine['devices'])}. {versions}."
    load = f" Load before: {machine['load'][0]:.1f}." if machine["load"] else ""
    return f"{where} {rounds} rounds.{load}"


def table(rows: list[dict[str, Any]]) -> list[str]:
    """One part's results as lines of Markdown."""
    lines = ["| | median (lowest – highest) | unit | ratio | target | note |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row["name"], shown(row["rate"]), row["unit"], shown(row["ratio"]), row["target"], row["note"]]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def shown(values: list[float] | None) -> str:
    """Median, lowest and highest with three digits; nothing where there is none."""
    return "" if values is None else "{:.3g} ({:.3g} – {:.3g})".format(*values)


def write(
    source: Positional[Path] = ROOT / "benchmark.json", target: Positional[Path] = ROOT / "docs" / "performance.md"
) -> int:
    """Write docs/performance.md from the record of a benchmark.

    Args:
        source: what scripts/benchmark.py wrote
        target: the document
    """
    if not source.is_file():
        print(f"{source} does not exist: run python scripts/benchmark.py first", file=sys.stderr)
        return 2
    before = target.read_text(encoding="utf-8") if target.is_file() else ""
    target.write_text(document(json.loads(source.read_text(encoding="utf-8")), before), encoding="utf-8")
    print(f"wrote {target}")
    return 0


def main(arguments: list[str]) -> int:
    """Parse the command line and write."""
    return tyro.cli(write, args=arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
