import re
from pathlib import Path

from jaxinterp import studies

RESULTS = Path(__file__).parents[2] / "docs" / "results.md"


def test_studies_have_as_many_claims_as_they_say():
    text = RESULTS.read_text(encoding="utf-8")
    found = dict(re.findall(r"^## (\S+)$.*?^Write-up: .*?(\d+) claims: ", text, re.MULTILINE | re.DOTALL))
    assert found == {name: str(study.total) for name, study in studies.STUDIES.items()}
