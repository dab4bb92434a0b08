import documents
import pytest

from jaxinterp.errors import InputError


def test_what_stands_between_the_markers_is_replaced_and_nothing_else():
    document = "a\n<!-- x.py -->\nold\n<!-- /x.py -->\nb\n"
    for content in ("new", "newer\n"):
        document = documents.insert(document, "x.py", content)
        assert document == f"a\n<!-- x.py -->\n\n{content.strip()}\n\n<!-- /x.py -->\nb\n"


@pytest.mark.parametrize("document", ["", "<!-- x.py -->\n", "<!-- /x.py -->\n<!-- x.py -->\n"])
def test_a_document_without_markers_is_refused(document):
    with pytest.raises(InputError, match=r"needs a line <!-- x\.py --> and, below it, a line <!-- /x\.py -->"):
        documents.insert(document, "x.py", "new")
