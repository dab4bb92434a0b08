import pytest
import results
from support.findings import answer, finding

from jaxinterp import recipes, store, studies
from jaxinterp.errors import InputError


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """Two studies with one finding each, as if they were stored."""
    monkeypatch.setattr(studies, "STUDIES", dict(list(studies.STUDIES.items())[:2]))
    for name, study in studies.STUDIES.items():
        store.begin(tmp_path / name, recipes.config(study.own, seeds=4))

    def answers(path):
        study = studies.get(path.name)
        return {study.name: answer(study, [finding(study=study.name, text=f"a claim of {study.name}")])}

    monkeypatch.setattr(studies, "answers", answers)
    return tmp_path


def test_the_document_has_every_study_with_its_networks_and_findings(stored):
    text = results.document(stored)
    for study in studies.STUDIES.values():
        assert f"## {study.name}\n" in text and study.question in text and study.source in text
        assert f"a claim of {study.name}" in text and "1 claims: holds 0, does not hold 1, undecided 0." in text
        assert f"| {study.own} |" in text and "0.900 ± 0.000" in text


def test_a_study_without_results_is_named(stored, monkeypatch):
    monkeypatch.setattr(studies, "answers", lambda path: {})
    with pytest.raises(InputError, match="no results of"):
        results.document(stored)
