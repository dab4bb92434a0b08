"""The race against an older commit, with programs that only note how they are called."""

import pytest
from benchmarks import versions
from benchmarks.options import Options
from benchmarks.versions import Version

from jaxinterp import studies

_PROGRAM = """#!/bin/sh
results=checkpoints/one-vs-seven/results
echo "$(test -d checkpoints && echo trained) $(test -d $results && echo measured) $*" >> calls.txt
mkdir -p $results
"""


def _version(folder):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "jaxinterp").write_text(_PROGRAM)
    (folder / "bin" / "jaxinterp").chmod(0o755)
    (folder / "bin" / "python").symlink_to("/bin/true")
    return Version(folder, folder / "bin", folder / "work", {})


def test_both_versions_take_the_same_turns_from_the_same_state(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "STUDIES", {"one-vs-seven": None})
    pair = [_version(tmp_path / name) for name in ("now", "older")]
    timings, results = versions.raced(*pair, Options(rounds=2, seeds=4))
    for version in pair:
        calls = {name: (version.work / name / "calls.txt").read_text().splitlines() for name in timings}
        assert calls["run"] == ["  run --seeds 4"] * 3  # trains again
        asked = "study one-vs-seven --seeds 4"
        assert calls["study one-vs-seven"] == [f"  {asked}", *[f"trained  {asked}"] * 2]  # measures again
        assert [len(turns) for turns in version.used.values()] == [3, 3, 3]
    assert [len(found[label].seconds) for found in timings.values() for label in ("ours", "older")] == [2] * 6
    assert [row.name for row in results[-2:]] == ["study one-vs-seven, first", "study one-vs-seven, again"]
    again = timings["study one-vs-seven"]
    slowest = max(old / now for now, old in zip(again["ours"].seconds, again["older"].seconds, strict=True))
    assert results[-1].ratio is not None and results[-1].ratio[2] == pytest.approx(slowest)
    assert results[-1].note.startswith("older: ") and "GB" in results[-1].note
