import compare_findings
import pytest
from support.findings import ESTIMATE, UNKNOWN, finding

from jaxinterp.report import tables


@pytest.fixture
def compare(tmp_path, capsys):
    """Compare two lists of findings: the exit code and the lines printed."""

    def compare(*lists):
        files = [tmp_path / f"{number}.json" for number in range(2)]
        for file, found in zip(files, lists, strict=True):
            file.write_text(tables.findings_table(found).export("json"))
        code = compare_findings.main(list(map(str, files)))
        return code, capsys.readouterr().out.splitlines()

    return compare


def test_equal_findings_do_not_differ_nor_does_rounding(compare):
    near = ESTIMATE._replace(mean=ESTIMATE.mean + 1e-4)
    assert compare([finding()], [finding(measured=near)]) == (0, ["1 and 1 findings; 0 differ"])


def test_every_kind_of_difference_is_named(compare):
    changed = ESTIMATE._replace(mean=0.9, low=0.8, high=1.0)
    before = [finding(), finding(name="gone"), finding(name="new score")]
    after = [finding(control=UNKNOWN, control_name="other"), finding(name="new score", score=changed)]
    code, lines = compare(before, after)
    assert code == 1 and lines[-1] == "3 and 2 findings; 3 differ"
    text = "\n".join(lines)
    assert "study: 1.1 gone: only in the first" in text
    assert "control_name null → other" in text and "control mean -0.5 → —" in text
    assert "verdict does not hold → holds" in text and "score low -0.7 → 0.8" in text
