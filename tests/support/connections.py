"""Connections that Python opens, whichever library asks for them, are refused in this process from now on."""

import sys

_served: set[tuple[str, int]] = set()  # addresses at which a test itself serves
_OPENING = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request")


class ConnectionOpened(BaseException):
    """Raised where a connection would be opened; no `except Exception` hides it."""


def refuse() -> None:
    """Refuse connections; this cannot be undone."""
    sys.addaudithook(_refuse)


def allow(address: tuple[str, int]) -> None:
    """Let this process connect to a server that a test has started on this machine."""
    _served.add(address)


def _refuse(event: str, arguments: tuple) -> None:
    if event in _OPENING and not (_is_local(arguments) or _is_served(arguments)):
        raise ConnectionOpened(event, *map(repr, arguments))


def _is_served(arguments: tuple) -> bool:
    """Whether what is connected to, or looked up, is an address at which a test serves."""
    addresses = [argument[:2] for argument in arguments if isinstance(argument, tuple)] or [arguments[:2]]
    return all(address in _served for address in addresses)


def _is_local(arguments: tuple) -> bool:
    """Whether a socket's address is a path: those lead to other processes of this machine."""
    return len(arguments) == 2 and isinstance(arguments[1], str | bytes)
