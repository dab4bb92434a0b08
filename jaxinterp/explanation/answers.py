"""What did the model answer? Every answer is stored as it arrives, under a hash of what was asked, and never twice.

One small file for each answer, renamed into place, so that a killed process loses none that arrived. It holds the
question too, and the version of the prompts' templates. To have a question asked again, delete its file.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from jaxinterp import files
from jaxinterp.explanation.prompting import Prompt, version

Status = Literal["answered", "refused", "truncated", "empty", "unparsable"]
STATUSES: tuple[Status, ...] = get_args(Status)
LONGEST = 2000  # characters of a value: what is longer is no label
_REMEDY = "restore it from a copy, or delete it: the question is then asked again"
_REFUSAL = re.compile(
    r"(i['’]m|i am) (sorry|unable|not able)|sorry,|i (cannot|can['’]?t|can not|won['’]?t) |as an ai\b", re.IGNORECASE
)


class Parameters(NamedTuple):
    """How a model is to answer. tokens: of an answer at most.

    log_probabilities: of how many tokens at each place of an answer that is a choice.
    """

    tokens: int = 2000  # a label takes 50, but some models think before they answer
    temperature: float = 0.0
    log_probabilities: int = 20


class Reply(NamedTuple):
    """What a server sent. finish: why the model stopped: "stop", "length", "content_filter" or, if unsaid, "".

    model: which one answered, as the server says. prompt_tokens, answer_tokens: as the server counts them, or an
    estimate. log_probabilities: for each token of the answer, its own first, and then those of the tokens at its place
    that begin a choice, as far as they are among the most likely. They are of the raw distribution, so that a reader of
    them keeps the tokens that are allowed, and renormalises.
    """

    text: str
    finish: str = "stop"
    refusal: str = ""
    model: str = ""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    log_probabilities: tuple[Mapping[str, float], ...] = ()


class Answer(NamedTuple):
    """A reply and what was made of it. value: of the field that was asked for; "" unless the status is "answered"."""

    status: Status
    value: str
    reply: Reply


class Store(NamedTuple):
    """A folder of answers of one model with its parameters."""

    folder: Path
    model: str
    parameters: Parameters

    def file(self, prompt: Prompt) -> Path:
        """The file of a prompt's answer, named by a hash of model, parameters and prompt."""
        name = hashlib.sha256(json.dumps(self._question(prompt), sort_keys=True).encode()).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.json"  # a write lists its folder, which thousands would make slow

    def get(self, prompt: Prompt) -> Answer | None:
        """The stored answer, None where there is none. Raises InputError, naming the file, where it is damaged."""
        file = self.file(prompt)
        if not file.is_file():
            return None
        with files.readable(file, _REMEDY):
            stored = json.loads(file.read_text(encoding="utf-8"))["answer"]
            reply = Reply(**stored["reply"] | {"log_probabilities": tuple(stored["reply"]["log_probabilities"])})
            answer = Answer(stored["status"], stored["value"], reply)
            if answer.status not in STATUSES or not isinstance(answer.value, str):
                raise ValueError("it is no answer")
        return answer

    def put(self, prompt: Prompt, reply: Reply) -> Answer:
        """Judge a reply and store it. Raises InputError where it cannot be written."""
        answer = judged(reply, prompt.field, prompt.choices)
        stored = answer._asdict() | {"reply": reply._asdict()}
        content = {
            "subject": prompt.subject,
            "prompts": version(),
            "answer": stored,
            "question": self._question(prompt),
        }
        files.write(self.file(prompt), json.dumps(content, indent=1).encode())
        return answer

    def _question(self, prompt: Prompt) -> dict[str, Any]:
        asked = {"messages": prompt.messages, "field": prompt.field, "choices": prompt.choices}
        return {"model": self.model, "parameters": self.parameters._asdict(), **asked}


def judged(reply: Reply, field: str, choices: Collection[str] = ()) -> Answer:
    """What a reply is: answered, refused, truncated, empty or unparsable.

    A JSON object with the field is found in the whole text, in fences, or among other words; failing that, a line
    "field: text". An answer that was cut off counts all the same if its object is whole. Where there are choices, the
    value is the only one that is named there, or else in the whole text.
    """
    is_cut = reply.finish in ("length", "")
    value = clean(_object(reply.text, field, numbers=bool(choices)) or ("" if is_cut else _line(reply.text, field)))
    if choices:
        value = _chosen(value or ("" if is_cut else reply.text), choices)
    if reply.refusal or reply.finish == "content_filter" or _REFUSAL.match(value or reply.text.lstrip()):
        return Answer("refused", "", reply)
    if value:
        return Answer("answered", value[:LONGEST], reply)
    if not reply.text.strip() and reply.finish != "length":  # some models think until their tokens are spent
        return Answer("empty", "", reply)
    return Answer("truncated" if is_cut else "unparsable", "", reply)


def clean(text: str) -> str:
    """One line of printable characters: what a model wrote goes into prompts, tables and pages."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def bare(token: str) -> str:
    """A token of an answer in JSON without the spaces and quotes around its text."""
    return token.strip(" \t\r\n\"'")


def _chosen(text: str, choices: Collection[str]) -> str:
    """The only choice that a text names, in its own letters or else in capitals or small ones; "" if that is unclear.

    A part of a longer word or number is none: 5.5 is neither 5 nor 55.
    """
    longest_first = "|".join(re.escape(choice) for choice in sorted(choices, key=len, reverse=True))
    named = rf"(?<![\w.−-])(?:{longest_first})(?!\w|[.,]\d)"
    for flag in (re.NOFLAG, re.IGNORECASE):
        found = {word.lower() if flag else word for word in re.findall(named, text, flag)}
        meant = [choice for choice in choices if (choice.lower() if flag else choice) in found]
        if meant:
            return meant[0] if len(meant) == 1 else ""
    return ""


def _object(text: str, field: str, *, numbers: bool) -> str:
    """The field's text, or number, in the first JSON object that has one; "" if there is none."""
    decoder = json.JSONDecoder(strict=False)  # models put line breaks into texts
    for brace in re.finditer(r"\{", text):
        try:
            found = decoder.raw_decode(text, brace.start())[0]
        except (ValueError, RecursionError):
            continue
        value = found.get(field) if isinstance(found, dict) else None
        if numbers and isinstance(value, int | float) and not isinstance(value, bool):
            value = f"{value:g}"
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _line(text: str, field: str) -> str:
    """What follows the field's name and a colon at the start of a line; "" if there is none."""
    marks = r" \t*_#\"{},"
    line = rf"^[{marks}]*{field}[{marks}]*:[{marks}]*([^\s\[\]{marks}].*?)[{marks}]*$"
    found = re.search(line, text, re.IGNORECASE | re.MULTILINE)
    return found[1] if found else ""
