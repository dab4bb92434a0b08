"""Connections that Python opens, whichever library asks for them, are refused in this process from now on."""

import sys

_OPENING = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request")


class ConnectionOpened(BaseException):
    """Raised where a connection would be opened; no `except Exception` hides it."""


def refuse() -> None:
    """Refuse connections; this cannot be undone."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple) -> None:
    if event in _OPENING and not _is_local(arguments):
        raise ConnectionOpened(event, *map(repr, arguments))


def _is_local(arguments: tuple) -> bool:
    """Whether a socket's address is a path: those lead to other processes of this machine."""
    return len(arguments) == 2 and isinstance(arguments[1], str | bytes)
