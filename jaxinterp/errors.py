"""The exception for errors that a user can fix, and the warning for work that goes on. Both say it in one line."""

__all__ = ["InputError", "InputWarning", "printable"]


def printable(text: str, *, kept: str = "") -> str:
    """The text with escapes for what a terminal would obey or hide, such as \\x1b, \\n and marks that turn the text.

    kept: characters that stay as they are.
    """
    return "".join(c if c.isprintable() or c in kept else c.encode("unicode_escape").decode() for c in text)


class InputError(ValueError):
    """Wrong input. The command line prints only the message and exits with code 2."""

    def __str__(self) -> str:
        return printable(super().__str__())  # it may quote a file


class InputWarning(UserWarning):
    """A warning about input that can be used all the same. The command line prints the message once."""

    def __str__(self) -> str:
        return printable(super().__str__())
