"""The one exception for what a user can mend: its message says in one line what was wrong and what would be right."""


class InputError(ValueError):
    """Wrong input. The command line prints the message alone and exits with code 2."""
