"""How do several processes, perhaps on several machines, work on one thing? They meet, and agree on words in rounds.

They meet at the service of `jax.distributed`, which process 0 runs, and which notices within `HEARTBEAT` seconds that
one of them is gone. Its client then aborts all others from a thread of C++ code, with a trace on stderr and without an
exception; here that ends a process with one line. Service and client are used without `jax.distributed.initialize`:
after that, JAX and Orbax take the devices and files of all processes for those of one system, in which each step waits
for every process, and SIGTERM no longer ends one. Here each process has its own devices, and writes its own files.
"""

import ctypes
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import jax
from jax._src import clusters
from jaxlib import _jax  # pyright: ignore

from jaxinterp.errors import InputError

HEARTBEAT = 15  # seconds without a sign of life after which a process counts as gone
PATIENCE = 120  # seconds in which all processes must have come
_FOREVER = 7 * 24 * 3600 * 1000  # milliseconds: an epoch may take long, and what is gone is noticed by its heartbeat
_LEFT = "left: "
RESUME = "nothing that was stored is lost: go on with --resume, with as many processes as you like"


class _Ended(InputError):
    """Another process has left or is gone; there is nobody left to tell."""


class Group:
    """The processes that work together. By default it is one process alone, which agrees with itself."""

    def __init__(self, process: int = 0, processes: int = 1, client: Any = None) -> None:
        self.process, self.processes = process, processes
        self._client, self._round = client, 0

    def agree(self, word: str = "") -> list[str]:
        """Every process gives a word, and gets the words of all, by process. It waits for the last one.

        All processes must call it equally often. Raises InputError where another process has failed.
        """
        if self._client is None:
            return [word]
        self._round += 1
        folder, earlier = (f"jaxinterp/{number}" for number in (self._round, self._round - 1))
        try:
            self._client.key_value_set(f"{folder}/{self.process}", word)
            self._client.wait_at_barrier(folder, _FOREVER)
            found = {key.rpartition("/")[2]: value for key, value in self._client.key_value_dir_get(folder)}
            self._client.key_value_delete(f"{earlier}/{self.process}")
        except jax.errors.JaxRuntimeError:
            time.sleep(2 * HEARTBEAT)  # meanwhile this process ends with a line that says which one is gone
            raise _Ended(f"gone: another process of this training; {RESUME}") from None
        words = [found[process] for process in sorted(found, key=int)]
        for process, word_ in enumerate(words):
            if word_.startswith(_LEFT) and process != self.process:
                raise _Ended(f"process {process} has ended: {word_.removeprefix(_LEFT)}")
        return words

    def check_equal(self, word: str, what: str) -> None:
        """Raise InputError in all processes unless all give the same word; what: a process has that gives another."""
        for process, other in enumerate(words := self.agree(word)):
            if other != words[0]:
                raise _Ended(f"process {process} has {what} than process 0: start all in the same way")

    @contextmanager
    def ending(self) -> Iterator[None]:
        """All end what stands in this context together: with an error where one of them has one."""
        try:
            yield
            self.agree()
        except _Ended:
            raise
        except BaseException as error:
            with suppress(_Ended):
                self.agree(f"{_LEFT}{error}")
            raise

    def leave(self) -> None:
        """Disconnect, process 0 as the last one, since they meet at its service."""
        others = range(1, self.processes)
        with suppress(jax.errors.JaxRuntimeError):  # it is gone
            if self.process:
                self._client.key_value_set(f"jaxinterp/left/{self.process}", "")
            for process in others if not self.process else ():
                self._client.blocking_key_value_get(f"jaxinterp/left/{process}", 1000 * HEARTBEAT)
            self._client.shutdown()


ALONE = Group()


@contextmanager
def joined(coordinator: str | None, processes: int | None, process: int | None) -> Iterator[Group]:
    """Meet all processes, and leave them in the end; an error in one of them ends all.

    coordinator: host:port at which process 0 serves. What is None is taken from JAX_COORDINATOR_ADDRESS,
    JAX_NUM_PROCESSES and JAX_PROCESS_ID, or else from the scheduler, as JAX detects it (SLURM, Open MPI, Kubernetes).
    Raises InputError where that leaves something open. Where processes do not come, or are gone later, this process
    ends at once with one line and exit code 2.
    """
    address, count, number, local = _place(coordinator, processes, process)
    if local is not None:  # on a machine with several processes, each has its own accelerator
        for kind in ("cuda", "rocm"):
            jax.config.update(f"jax_{kind}_visible_devices", ",".join(map(str, local)))
    line = _end_with_a_line(f"process {number} of {count} did not meet all others at {address} in {PATIENCE} s")
    if number == 0:
        try:
            bound = f"[::]:{address.rpartition(':')[2]}"
            _kept.append(_jax.get_distributed_runtime_service(bound, count, heartbeat_timeout=HEARTBEAT))
        except jax.errors.JaxRuntimeError as error:
            raise InputError(f"process 0 cannot serve at {address}: {str(error).splitlines()[0]}") from None
    client = _jax.get_distributed_runtime_client(
        address, number, init_timeout=PATIENCE, heartbeat_timeout=HEARTBEAT, shutdown_on_destruction=False
    )
    client.connect()
    line.joined = True
    group = Group(number, count, client)
    try:
        with group.ending():
            group.check_equal(str(count), "another number of processes")
            yield group
    finally:
        group.leave()


def _place(coordinator: str | None, processes: int | None, process: int | None):
    """The coordinator's address, the number of processes, this process's, and the numbers of its accelerators."""
    coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    processes = _number("JAX_NUM_PROCESSES") if processes is None else processes
    process = _number("JAX_PROCESS_ID") if process is None else process
    local = None
    if None in (coordinator, processes, process):
        coordinator, processes, process, local = clusters.ClusterEnv.auto_detect_unset_distributed_params(
            coordinator, processes, process, None, None, PATIENCE
        )
    if coordinator is None or processes is None or process is None:
        raise InputError(
            "no scheduler says which processes train together: give --coordinator HOST:PORT, --processes and "
            "--process-id to each"
        )
    if not re.fullmatch(r".+:\d{1,5}", coordinator):
        raise InputError(f"the coordinator must be HOST:PORT, got {coordinator!r}")
    if not 0 <= process < processes:
        raise InputError(f"the process id must be from 0 to {processes - 1}, for {processes} processes; got {process}")
    return coordinator, processes, process, local


def _number(variable: str) -> int | None:
    value = os.environ.get(variable)
    if value is not None and not value.isdecimal():
        raise InputError(f"{variable} must be a whole number, got {value!r}")
    return None if value is None else int(value)


class _Line:
    """The line that ends this process where C++ code aborts it."""

    def __init__(self, missing: str) -> None:
        self.joined, self._missing = False, missing
        self._log = tempfile.TemporaryFile()  # what C++ code writes on stderr
        self._stderr = os.dup(2)
        sys.stderr.flush()
        os.dup2(self._log.fileno(), 2)
        sys.stderr = open(self._stderr, "w", buffering=1, errors="backslashreplace", closefd=False)

    def end(self, _: int) -> NoReturn:
        log = os.pread(self._log.fileno(), 10**6, 0).decode(errors="replace")
        os.write(self._stderr, f"jaxinterp: {self._text(log)}\n".encode())
        os._exit(2)

    def _text(self, log: str) -> str:
        if not self.joined:
            return f"{self._missing}: start them all, and check --coordinator"
        gone = re.search(r"unhealthy[^\n]*:\n([\d\n]+)", log)
        if gone is not None:
            return f"gone: process {', '.join(gone[1].split())} of this training; {RESUME}"
        if "Failed to send RPC" in log:
            return f"gone: process 0 of this training, or the connection to it; {RESUME}"
        fatal = re.search(r"^F\d+ .*?\] (.*)", log, re.MULTILINE)
        return f"JAX has aborted: {fatal[1] if fatal else 'it does not say why'}; {RESUME}"


def _end_with_a_line(missing: str) -> _Line:
    line = _Line(missing)
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(line.end)
    _kept.append(handler)
    # Python's own handlers run too late: after a signal handler of C code has returned, abort ends the process.
    signal_ = ctypes.CDLL(None).signal
    signal_.argtypes, signal_.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    signal_(signal.SIGABRT, ctypes.cast(handler, ctypes.c_void_p))
    return line


_kept: list[Any] = []  # what C++ code uses, until this process ends
