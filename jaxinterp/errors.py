"""The exception for errors that a user can fix. Its message says in one line what was wrong and what would be right."""


class InputError(ValueError):
    """Wrong input. The command line prints only the message and exits with code 2."""
