import re

import pytest

from jaxinterp import report, store
from jaxinterp.errors import InputError


@pytest.fixture
def runs(toy, tmp_path):
    config, splits, trained = toy
    for name in ("one", "two"):
        store.save(tmp_path / name, config, trained, splits.test)
    return tmp_path / "one", tmp_path / "two"


def test_a_page_of_two_runs_stands_beside_the_first(runs, monkeypatch):
    monkeypatch.setattr(report, "_explored", lambda path, run, limit: ("", f"No images of {path.name}.", ()))
    file = report.write_pair(*runs)
    assert file == runs[0] / "report" / "with-two.html"
    text = file.read_text()
    assert "<h1>one and two</h1>" in text and "No claim was tested of either" in text
    assert "No images of one." in text and "No images of two." in text
    assert not re.search('href="#explorer"|id="payload"', text)


def test_a_run_is_not_compared_with_itself(runs):
    with pytest.raises(InputError, match="cannot be compared with itself: name two runs"):
        report.write_pair(runs[0], runs[1].parent / "one")
