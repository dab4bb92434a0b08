from support import documents

from jaxinterp import store


def test_the_new_analysis_is_stored_printed_and_shown(tmp_path, saved):
    documents.copy_package(tmp_path, saved)
    printed, _ = documents.carry_out(documents.ROOT / "docs" / "add-an-analysis.md", tmp_path)
    demo = tmp_path / "checkpoints" / "demo"
    norm = store.load_result(demo, "analyses/output-norms")["norm"].mean("seeds")
    page = (demo / "report" / "index.html").read_text()
    assert '<section id="analyses"' in page
    for condition in ("untrained", "trained"):
        for label in norm.classes.values:
            found = f"{float(norm.sel(conditions=condition, classes=label)):.3f}"
            assert any(f"{condition}, {label}" in line and found in line for line in printed.splitlines())
            assert f"{condition}, {label}" in page and found in page
