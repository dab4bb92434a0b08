"""The examples of docs/models.md run. Its table of refusals: tests/analysis/test_every_kind.py."""

from support import documents


def test_the_examples_run(tmp_path):
    documents.copy_package(tmp_path)
    trained, patches = documents.carry_out(documents.ROOT / "docs" / "models.md", tmp_path)
    assert "convolutions" in trained
    assert patches == "(8, 64)\n"  # a patch of 8 × 8 pixels for each channel of the second block
