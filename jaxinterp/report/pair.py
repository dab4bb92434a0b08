"""How do two runs compare? One page: their findings side by side, and the networks of both to look into.

Figures, rules and notes stay on each run's own page. The views of networks show one run at a time.
"""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jaxinterp.config import RunConfig
from jaxinterp.report import build, settings, tables
from jaxinterp.studies import Answer
from jaxinterp.studies.judge import Finding
from jaxinterp.train import History


class Member(NamedTuple):
    """A run of the page. payload: what report.explorer.encode returned, "" where there is none; reason: why not.

    class_names: as far as they are known; sources: the file that each network was imported from, if it was.
    """

    name: str
    folder: str
    answers: dict[str, Answer]
    history: History
    config: RunConfig
    payload: str
    reason: str
    class_names: Sequence[str] = ()
    sources: Sequence[str] = ()


def render(runs: Sequence[Member]) -> str:
    """The page of two runs as HTML that needs no other file and no network."""
    shown = [
        {"name": run.name, "networks": build.networks(run.history, run.config), "reason": run.reason} for run in runs
    ]
    return build.page(
        "pair.html",
        title=" and ".join(run.name for run in runs),
        payloads=[run.payload for run in runs] if all(run.payload for run in runs) else [],
        told=True,
        runs=shown,
        command=shlex.join(["jaxinterp", "compare", *(run.folder for run in runs)]),
        answers=list(_answers(runs)),
        joined=list(_joined(runs)),
        accuracies=[build.accuracy(run.history, run.name, run.sources) for run in runs],
        config=list(_settings(runs)),
    )


def _answers(runs: Sequence[Member]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each question that one of the runs answers, with the run's name and sentence."""
    for study in dict.fromkeys(study for run in runs for study in run.answers):
        found = [(run.name, run.answers[study]) for run in runs if study in run.answers]
        yield found[0][1].study.question, [(name, answer.sentence) for name, answer in found]


def _joined(runs: Sequence[Member]) -> Iterator[dict[str, Any]]:
    """Each claim that was tested of one of the runs, with both of its rows in tables, None where it was not tested."""
    by_run = [
        {(study, finding.id): finding for study, answer in run.answers.items() for finding in answer.findings}
        for run in runs
    ]
    for key in dict.fromkeys(key for findings in by_run for key in findings):
        found = [findings.get(key) for findings in by_run]
        known = [finding for finding in found if finding is not None]
        both = len(known) == len(runs)
        yield {
            "id": known[0].id,
            "text": known[0].text,
            "bar": known[0].rule.bar,
            "rows": list(map(_row, found)),
            "both": both,
            "differs": both and len({finding.verdict for finding in known}) > 1,
        }


def _row(finding: Finding | None) -> tables.Row | None:
    return None if finding is None else tables.rows([finding])[0]


def _settings(runs: Sequence[Member]) -> Iterator[tuple[str, list[str], str]]:
    """Each field's name, its value in either run, and its meaning."""
    for of_field in zip(*(settings.settings(run.config, run.class_names) for run in runs), strict=True):
        yield of_field[0].name, [setting.value for setting in of_field], of_field[0].meaning
