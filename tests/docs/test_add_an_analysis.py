from support import documents

from jaxinterp import store


def test_the_new_analysis_is_stored_printed_and_shown(tmp_path):
    documents.copy_package(tmp_path)
    printed, _ = documents.carry_out(documents.ROOT / "docs" / "add-an-analysis.md", tmp_path)
    assert "untrained, 0" in printed and "trained, 9" in printed
    demo = tmp_path / "checkpoints" / "demo"
    assert "analyses/output-norms" in store.results(demo)
    page = (demo / "report" / "index.html").read_text()
    assert '<section id="analyses"' in page and "trained, 9" in page
