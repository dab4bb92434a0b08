"""What do all studies find? Writes docs/results.md from the results that are stored with the runs.

jaxinterp study all                          # first: trains, measures, stores
python scripts/results.py                    # reads checkpoints/STUDY for every study, writes docs/results.md
python scripts/results.py FOLDER FILE        # reads runs in another folder, writes another file
"""

import sys
from pathlib import Path

from tyro.conf import Positional

from jaxinterp import cli

ROOT = Path(__file__).parents[1]
HEAD = """# Results

Every claim of every study with its verdict, written by `python scripts/results.py` from stored results. A score has
two intervals: its own of 95 %, and the joint one, with which all claims of a study are judged together. A claim holds
if the whole joint interval passes the bar, does not hold if the whole interval misses it, and is undecided otherwise.
*Ours* is the mean ± standard deviation over networks, or over pairs of networks, with its 95 % interval; *n* counts
networks. Rules, notes and figures are on each run's page (`jaxinterp report RUN`); [the glossary](glossary.md) explains
the words, and [statistics](statistics.md) how often the intervals cover.
"""


def write(arguments: list[str]) -> None:
    """Parse the command line and write the document."""
    cli.parse(write_document, arguments)


def write_document(
    folder: Positional[Path] = ROOT / "checkpoints", file: Positional[Path] = ROOT / "docs" / "results.md"
) -> None:
    """Write docs/results.md from the stored results of all studies.

    Args:
        folder: the folder of runs, with one named after each study
        file: the document
    """
    file.write_text(document(folder), encoding="utf-8")
    print(f"wrote {file}")


def document(folder: Path) -> str:
    """The document. Raises InputError for a study without results."""
    from jaxinterp import studies
    from jaxinterp.errors import InputError

    sections = []
    for name in studies.STUDIES:
        run = folder / name
        answer = studies.answers(run).get(name)
        if answer is None:
            raise InputError(f"no results of {name} in {run}: jaxinterp study {name} --run {run}")
        sections.append(section(answer, run))
    return "\n".join([HEAD, *sections])


def section(answer, run: Path) -> str:
    """One study: its question and source, its answer, its networks, and every finding."""
    from jaxinterp.report import tables

    study = answer.study
    counts = tables.verdict_counts(answer.findings)
    return "\n".join(
        [
            f"## {study.name}",
            "",
            f"**{study.question}** {answer.sentence}",
            "",
            f"Write-up: {study.source}. {len(answer.findings)} claims: {counts}.",
            "",
            tables.networks_table(answer, run).export("markdown"),
            tables.findings_table(answer.findings).export("markdown"),
        ]
    )


if __name__ == "__main__":
    sys.exit(cli.guarded(write, sys.argv[1:]))
