import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxinterp.errors import InputError, InputWarning, printable


@given(st.text())
def test_a_message_is_one_line_that_a_terminal_only_shows(text):
    for kind in (InputError, InputWarning):
        message = str(kind(text))
        assert message.isprintable() and len(message.splitlines()) <= 1
        assert str(kind(message)) == message  # nothing is escaped twice
    assert printable(text) == text or not text.isprintable()


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\n", "\r", "\0", "\x7f", "\u202e", "\u2028", "\u200b", "\udc80"])
def test_what_a_terminal_would_obey_or_hide_is_escaped(char):
    assert printable(f"a{char}b") == f"a{char.encode('unicode_escape').decode()}b"


def test_other_alphabets_stay():
    assert printable("8 × 32 − Größe 数字 é ½") == "8 × 32 − Größe 数字 é ½"
    assert printable("".join(map(chr, range(sys.maxunicode + 1)))).isprintable()
