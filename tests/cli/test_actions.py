import json
import re
import webbrowser

import pytest

from jaxinterp import cli, files, report, studies
from jaxinterp.report import live


def test_studies_are_listed_with_questions_recipes_and_claims(capsys):
    assert cli.main(["studies", "--format", "json"]) == 0
    rows = {row["study"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert list(rows) == list(studies.STUDIES)
    for name, study in studies.STUDIES.items():
        assert rows[name]["question"] == study.question and rows[name]["claims"] == study.total
        assert rows[name]["recipes"] | rows[name]["optional"] == study.all_recipes
    assert cli.main(["studies"]) == 0
    assert "jaxinterp study NAME" in capsys.readouterr().out


@pytest.mark.parametrize("options", [(), ("--open",)])
def test_report_opens_the_page_if_asked(capsys, monkeypatch, tmp_path, options):
    opened = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "write", lambda path: path / "report" / "index.html")
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert cli.main(["report", "my run", *options]) == 0
    assert opened == [f"file://{tmp_path}/my%20run/report/index.html"] * len(options)
    assert capsys.readouterr() == ("open my run/report/index.html\n", "")


def test_a_training_writes_its_page_as_it_goes_on(capsys, tmp_path, monkeypatch):
    options = "--data.source strokes --data.train-size 60 --model.widths 3 --model.outputs 2 --train.epochs 2"
    arguments = ["train", "--name", "toy", "--root", str(tmp_path), *options.split(), "--train.seeds", "2", "--live"]
    seen, write = [], files.write

    def watched(file, content):
        write(file, content)
        seen.append(re.search(rb"Epoch \d of 2|has ended", content).group()) if file.name == "live.html" else None

    monkeypatch.setattr(files, "write", watched)
    monkeypatch.setattr(live, "SECONDS", 0)
    monkeypatch.setattr(live, "SHARE", float("inf"))
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    page = tmp_path / "toy" / "report" / "live.html"
    assert seen == [b"Epoch 1 of 2", b"Epoch 2 of 2", b"has ended"]
    assert err == "" and out.splitlines()[0] == f"open {page}"
    assert cli.main(["train", "--resume", str(tmp_path / "toy"), "--live", "--format", "json"]) == 0
    assert len(seen) == 3  # it was complete
    assert cli.main(["runs", "--root", str(tmp_path)]) == 0
