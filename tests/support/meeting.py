"""A place where the processes of a group meet that are threads of this one."""

import threading
from collections import defaultdict
from collections.abc import Callable

from jaxinterp.processes import Group


class Client:
    """What `Group` uses of JAX's client of its distributed service."""

    def __init__(self, processes: int) -> None:
        self._words: dict[str, str] = {}
        self._barriers = defaultdict(lambda: threading.Barrier(processes, timeout=60))
        self._lock = threading.Lock()

    def key_value_set(self, key: str, value: str) -> None:
        self._words[key] = value

    def key_value_delete(self, key: str) -> None:
        self._words.pop(key, None)

    def key_value_dir_get(self, folder: str) -> list[tuple[str, str]]:
        return [(key, value) for key, value in sorted(self._words.items()) if key.startswith(f"{folder}/")]

    def wait_at_barrier(self, name: str, _: int) -> None:
        with self._lock:
            barrier = self._barriers[name]
        barrier.wait()


def together(processes: int, fn: Callable[[Group], object]) -> list[object]:
    """What fn(group) returns or raises in each process of a group; each ends as `processes.joined` does."""
    client, results = Client(processes), [None] * processes

    def run(process: int) -> None:
        group = Group(process, processes, client)
        try:
            with group.ending():
                results[process] = fn(group)
        except Exception as error:
            results[process] = error

    threads = [threading.Thread(target=run, args=(process,)) for process in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
