import pytest
from support import documents

from jaxinterp import store


@pytest.fixture(scope="module")
def copy(tmp_path_factory, saved):
    """A copy of the package in which the document was followed, and what its commands printed."""
    folder = tmp_path_factory.mktemp("copy")
    documents.copy_package(folder, saved)
    return folder, documents.carry_out(documents.ROOT / "docs" / "add-a-study.md", folder)


def test_the_new_study_answers_in_the_shell(copy):
    folder, (printed,) = copy
    assert "5 networks" in printed and "1 claims: holds 1, does not hold 0, undecided 0." in printed
    assert "The biases spread by 0." in printed
    assert "output-bias/bias" in store.results(folder / "checkpoints" / "demo")


def test_its_figure_and_its_claim_are_on_the_page(copy):
    folder, _ = copy
    page = (folder / "checkpoints" / "demo" / "report" / "index.html").read_text()
    assert "Training spreads the biases of the outputs" in page and "one line per network." in page
