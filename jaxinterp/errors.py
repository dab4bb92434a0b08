"""The exception for errors that a user can fix, and the warning for work that goes on. Both say it in one line."""


class InputError(ValueError):
    """Wrong input. The command line prints only the message and exits with code 2."""


class Note(UserWarning):
    """What a user should know of work that goes on. The command line prints it in one line."""
