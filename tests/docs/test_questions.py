"""The examples of docs/questions.md print what the document shows, but for rounding."""

import re

import numpy as np
from support import documents

DOCUMENT = documents.ROOT / "docs" / "questions.md"
_NUMBER = re.compile(r"−?\d+\.\d+")


def rows(text):
    """The rows of tables as their words, with # for numbers, and these numbers."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [(_NUMBER.sub("#", line), [float(n.replace("−", "-")) for n in _NUMBER.findall(line)]) for line in lines]


def test_the_examples_print_what_the_document_shows(tmp_path):
    documents.copy_package(tmp_path)
    printed = documents.carry_out(DOCUMENT, tmp_path)
    shown, found = rows(DOCUMENT.read_text(encoding="utf-8")), rows("\n".join(printed))
    assert len(shown) > 25 and (tmp_path / "why.png").is_file() and "(8, 11)" in printed[-1]
    for words, numbers in shown:
        candidates = [own for text, own in found if text == words]
        assert any(np.allclose(numbers, own, rtol=0.02, atol=0.015) for own in candidates), (words, numbers)
