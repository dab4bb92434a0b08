import json
import webbrowser

import pytest

from jaxinterp import cli, report, studies


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
