"""How are many questions put to a server? A few at once, patiently, within a budget, each until it is answered.

What is stored already is not asked. Every reply is stored by the one who receives it, before anything else is done.
"""

import asyncio
import math
import random
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from jaxinterp import files
from jaxinterp.errors import InputError, InputWarning
from jaxinterp.explanation.answers import Answer, Reply, Store
from jaxinterp.explanation.clients import Client, Fault, Server
from jaxinterp.explanation.prompting import Prompt

Progress = Callable[[str, int, int], None]  # what, how many are done, of how many


class Budget(NamedTuple):
    """What may be spent: HTTP requests with questions, repeated ones among them, and tokens of prompts and answers."""

    requests: float = math.inf
    tokens: float = math.inf


class Patience(NamedTuple):
    """How long a fault is borne with.

    attempts: for each question. first, longest: seconds of the pauses between them, each twice as long as the last.
    wait: seconds for which a server may ask at most. failures: questions in a row without an answer, after which no
    others are asked. workers: questions at once.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 60.0
    wait: float = 300.0
    failures: int = 3
    workers: int = 4


class Failure(NamedTuple):
    """Why a question has no answer, in a line. final: asking again would be of no use."""

    reason: str
    final: bool


class Outcome(NamedTuple):
    """What became of questions, in their order. stopped: why some were not asked to the end, "" if all were."""

    results: tuple[Answer | Failure, ...]
    stopped: str

    @property
    def is_final(self) -> bool:
        """Whether asking again would bring nothing new."""
        return all(isinstance(result, Answer) or result.final for result in self.results)

    @property
    def waiting(self) -> str:
        """Why some questions wait to be asked again, "" if none does."""
        reasons = (result.reason for result in self.results if isinstance(result, Failure) and not result.final)
        return self.stopped or next(reasons, "")


@runtime_checkable
class Asks(Protocol):
    """What answers prompts: an `Asker`, or a `Plan`."""

    def ask(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Outcome:
        """What became of the prompts, in their order."""
        ...


class Plan:
    """Sends nothing: it keeps the prompts, and gives for each its stored answer, or else a placeholder."""

    def __init__(self, store: Store | None = None) -> None:
        self.prompts: list[Prompt] = []
        self._store = store

    def ask(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Outcome:
        """What is stored, and placeholders for the rest."""
        self.prompts.extend(prompts)
        return Outcome(tuple(map(self._answer, prompts)), "")

    def _answer(self, prompt: Prompt) -> Answer:
        stored = None if self._store is None else self._store.get(prompt)
        value = prompt.choices[0] if prompt.choices else f"({prompt.field} of {prompt.subject})"
        return stored or Answer("answered", value, Reply(""))


def model_at(url: str, name: str | None = None) -> str:
    """The model to ask: the one that is named, or else the only one that the server lists.

    Warns where the server does not list the one that is named: it may answer with another one. Raises InputError where
    the server cannot be reached, and where no model is named and it lists none, or several.
    """

    async def listed() -> list[str]:
        async with Client(Server(url, name or "")) as client:
            return await client.models()

    try:
        models = _run(listed())
    except Fault as fault:
        raise InputError(f"{url}: {fault}; is the server running?") from None
    if name is not None:
        if models and name not in models:
            warnings.warn(InputWarning(f"{url} does not list a model {name!r}; it lists {_some(models)}"), stacklevel=2)
        return name
    if len(models) != 1:
        raise InputError(f"{url} lists {_some(models) or 'no models'}: name one with --model")
    return models[0]


def _some(models: Sequence[str]) -> str:
    return ", ".join(models[:10]) + (f" and {len(models) - 10} more" if len(models) > 10 else "")


@dataclass
class Asker:
    """Asks one model, and counts what that takes. folder: where answers are stored.

    requests, tokens: spent until now; of a request that failed, no tokens are counted. faults: how often each one came.
    """

    server: Server
    folder: Path
    budget: Budget = field(default_factory=Budget)
    patience: Patience = field(default_factory=Patience)
    requests: int = 0
    tokens: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    _client: Client | None = None
    _reserved: int = 0
    _open_from: float = 0.0
    _in_a_row: int = 0
    _stopped: str = ""

    @property
    def store(self) -> Store:
        """The answers of this model with these parameters."""
        return Store(self.folder, self.server.model, self.server.parameters)

    def ask(self, prompts: Sequence[Prompt], *, progress: Progress | None = None) -> Outcome:
        """Ask what is not stored. progress: called as each question's answer arrives.

        Raises InputError where a stored answer is damaged, another process asks for the same folder, or an answer
        cannot be stored.
        """
        with files.only_writer(self.folder):
            stored = {self.store.file(prompt): prompt for prompt in prompts}  # the same question is asked once
            asked = list(stored.values())
            found: list[Answer | Failure | None] = [self.store.get(prompt) for prompt in asked]
            missing = deque(place for place, own in enumerate(found) if own is None)
            self._stopped, self._in_a_row = "", 0
            if missing:
                _run(self._ask_all(asked, missing, found, progress))
        left = Failure(f"not asked: {self._stopped}", final=False)
        results = {file: result or left for file, result in zip(stored, found, strict=True)}
        return Outcome(tuple(results[self.store.file(prompt)] for prompt in prompts), self._stopped)

    async def _ask_all(
        self,
        prompts: Sequence[Prompt],
        missing: deque[int],
        found: list[Answer | Failure | None],
        progress: Progress | None,
    ) -> None:
        async def work() -> None:
            while missing and not self._stopped:
                place = missing.popleft()
                if progress is not None:
                    progress(prompts[place].subject, sum(own is not None for own in found), len(found))
                found[place] = await self._ask_one(prompts[place])

        async with Client(self.server) as self._client:
            workers = [asyncio.ensure_future(work()) for _ in range(min(self.patience.workers, len(missing)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _ask_one(self, prompt: Prompt) -> Answer | Failure | None:
        """What became of a question; None if no more is to be asked."""
        assert self._client is not None
        cost, attempts = prompt.tokens + self.server.parameters.tokens, 0
        while True:
            if not await self._is_admitted(cost):
                return None
            try:
                reply = await self._client.ask(prompt)
            except Fault as error:
                fault = error
            else:
                answer = self.store.put(prompt, reply)
                self.tokens += reply.prompt_tokens + reply.answer_tokens
                self._in_a_row = 0
                return answer
            finally:
                self._reserved -= cost
            self.faults[str(fault)] = self.faults.get(str(fault), 0) + 1
            attempts += fault.meaning == "wait"
            if fault.meaning == "question":
                return Failure(str(fault), final=True)
            if fault.meaning == "all":
                self._stop(str(fault))
            elif fault.meaning == "wait" and attempts >= self.patience.attempts:
                self._give_up(fault)
                return Failure(str(fault), final=False)
            elif fault.meaning == "wait":
                await self._pause(fault, attempts)

    async def _pause(self, fault: Fault, number: int) -> None:
        if fault.wait is None:
            pause = min(self.patience.first * 2 ** (number - 1), self.patience.longest)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # not all at once again
        elif fault.wait > self.patience.wait:
            self._stop(f"{fault}; it asks to wait {fault.wait:.0f} s")
        else:  # it is the server that asks for a pause, so all questions wait
            self._open_from = max(self._open_from, time.monotonic() + fault.wait)

    async def _is_admitted(self, cost: int) -> bool:
        """Count a request, and keep its tokens free until they are known, as soon as there is room for both.

        False if there will be none, or no more is to be asked.
        """
        while not self._stopped:
            left = self._open_from - time.monotonic()
            if left > 0:
                await asyncio.sleep(min(left, 1.0))
            elif self.requests + 1 > self.budget.requests:
                self._stop(f"{self.budget.requests:,.0f} requests were made, as many as --max-requests allows")
            elif self.tokens + cost > self.budget.tokens:
                self._stop(
                    f"{self.tokens:,} tokens were used, and the next question may take {cost:,}: more than "
                    f"--max-tokens {self.budget.tokens:,.0f}"
                )
            elif self.tokens + self._reserved + cost > self.budget.tokens:
                await asyncio.sleep(0.05)  # those under way may take less than is kept for them
            else:
                self.requests += 1
                self._reserved += cost
                return True
        return False

    def _give_up(self, fault: Fault) -> None:
        self._in_a_row += 1
        if self._in_a_row >= self.patience.failures:
            self._stop(f"{self._in_a_row} questions in a row failed, the last with: {fault}")

    def _stop(self, reason: str) -> None:
        """Ask no more; the first reason counts, since others follow from it."""
        self._stopped = self._stopped or reason


def _run(work):
    """Run a coroutine to its end, also where an event loop is running already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    results, loop = [], asyncio.new_event_loop()
    task = loop.create_task(work)
    thread = threading.Thread(target=lambda: results.append(loop.run_until_complete(asyncio.wait([task]))), daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(0.1)
    except BaseException:  # Ctrl-C reaches this thread alone
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    finally:
        loop.close()
    return task.result()
