"""The first five minutes go as docs/start.md says."""

from support import documents

from jaxinterp import store

DOCS = documents.ROOT / "docs"
DOCUMENT = DOCS / "start.md"
UNITS = "jaxinterp units checkpoints/demo --layer hidden1 --sort damage_mean --top 3"
ELSEWHERE = {UNITS: DOCS / "questions.md", "jaxinterp report checkpoints/demo": DOCS / "add-an-analysis.md"}


def test_the_first_steps_show_what_the_document_says(tmp_path):
    documents.copy_package(tmp_path)
    runs, trained, estimate = documents.carry_out(DOCUMENT, tmp_path, elsewhere=ELSEWHERE)
    assert "0.964 ± 0.002 [0.962, 0.965]" in runs
    assert "checkpoints/first" in trained and store.load(tmp_path / "checkpoints" / "first").config.train.seeds == 4
    assert estimate.startswith("Estimate(mean=")


def test_the_unit_that_it_reads_is_as_the_page_of_questions_shows_it():
    text = " ".join(documents.text(DOCUMENT).split())
    assert "One of the first two is unit 13 of seed 4" in text and "0.062 of 5" in text and "AUC of 0.92" in text
    [row] = [line for line in (DOCS / "questions.md").read_text("utf-8").splitlines() if "hidden1:13" in line]
    assert row.startswith("| 4 | hidden1:13 |") and "0.062 of 5" in row and "0.92<br>(0.55)" in row
