import documents
import pytest

from jaxinterp.errors import InputError


def test_a_section_is_replaced_and_nothing_else(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("a\n<!-- x.py -->\nold\n<!-- /x.py -->\nb\n")
    for content in ("new", "newer\n"):
        documents.replace_section(file, "x.py", content)
        assert file.read_text() == f"a\n<!-- x.py -->\n\n{content.strip()}\n\n<!-- /x.py -->\nb\n"
    with pytest.raises(InputError, match=r"has no section y\.py"):
        documents.replace_section(file, "y.py", "new")
