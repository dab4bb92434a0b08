"""How is one question put to an OpenAI-compatible server, and what does its failure mean for the others?

Servers that call themselves compatible differ. What one of them turns out not to take (a JSON schema, a temperature,
the usual name of the limit) is left out from then on. The client's own retries are off: it repeats what is of no use,
and not what is.
"""

import asyncio
import email.utils
import ipaddress
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from jaxinterp.errors import InputError, printable
from jaxinterp.explanation.answers import Parameters, Reply, bare
from jaxinterp.explanation.prompting import Prompt

KEY = "JAXINTERP_API_KEY"  # not the name that others use: a server is sent the key that is meant for it
TIMEOUT = 300.0  # seconds for one answer, however slowly it comes
_SOON = 20.0  # seconds for the list of models
_SHOWN = 200  # characters of a server's message

# What a fault means: the question can be asked again after a while, or again at once in another form; it cannot be
# answered; or no question can.
Meaning = Literal["wait", "changed", "question", "all"]


class Server(NamedTuple):
    """An OpenAI-compatible server and one of its models. url: up to what precedes /chat/completions."""

    url: str
    model: str
    parameters: Parameters = Parameters()
    timeout: float = TIMEOUT


class Fault(Exception):
    """What went wrong, in one line.

    wait: seconds after which the server wants to be asked again, if it says so. reached: whether there is a server.
    """

    def __init__(self, message: str, meaning: Meaning, *, wait: float | None = None, reached: bool = True) -> None:
        super().__init__(message)
        self.meaning: Meaning = meaning
        self.wait, self.reached = wait, reached


def check_url(url: str) -> None:
    """Raise InputError unless this is the address of a server."""
    try:
        parts = urlsplit(url)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        has_password = parts.username is not None
    except ValueError:
        is_fine, has_password = False, False
    if has_password:
        raise InputError(f"the address holds a password: give the key in the environment as {KEY}")
    if not is_fine:
        raise InputError(f"{url!r} is no address of a server: write one such as http://127.0.0.1:8080/v1")


def is_local(url: str) -> bool:
    """Whether an address is that of this machine, so that what is sent there does not leave it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Client:
    """An open connection to a server: `async with Client(server) as client`. Needs the package openai.

    The key comes from the environment alone, and is in no message. Redirections are not followed, and a server on this
    machine is reached without a proxy: what is sent goes to the address that was given, and to no other.
    """

    def __init__(self, server: Server) -> None:
        openai = library()
        key = os.environ.get(KEY, "")
        # What the library adds of itself, or takes from variables of its own, does not concern the server.
        lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
        unsaid = (*_UNSAID, *filter(None, (line.partition(":")[0].strip() for line in lines)))
        headers: dict[str, Any] = {name: openai.Omit() for name in unsaid if name.lower() != "authorization"}
        headers["Authorization"] = f"Bearer {key or 'none'}"
        self._server, self._key = server, key
        self._http = openai.DefaultAsyncHttpxClient(
            follow_redirects=False, trust_env=not is_local(server.url), timeout=server.timeout
        )
        self._client = openai.AsyncOpenAI(
            api_key=key or "none",
            base_url=server.url,
            max_retries=0,
            default_headers=headers,
            http_client=self._http,
        )
        self._form = _Form()

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def models(self) -> list[str]:
        """The names of the server's models, none where it lists none. Raises Fault where it cannot be reached."""
        try:
            listed = (await self._send(self._client.models.with_raw_response.list, within=_SOON)).get("data")
        except Fault as fault:
            if not fault.reached:
                raise
            return []
        entries = listed if isinstance(listed, list) else []
        return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and "id" in entry]

    async def ask(self, prompt: Prompt) -> Reply:
        """Ask once. Raises Fault, which says what it means, where no reply comes."""
        form = self._form
        body = form.body(self._server, prompt)
        try:
            within = self._server.timeout
            content = await self._send(self._client.chat.completions.with_raw_response.create, within=within, **body)
        except Fault as fault:
            raise self._understood(fault, prompt, form) from fault
        try:
            reply = _reply(content, prompt)
        except ValueError as error:
            raise Fault(self._say(f"the server's answer is incomplete: {error}"), "wait") from error
        self._form = self._form._replace(proven=True)
        return reply

    async def _send(self, method: Callable[..., Awaitable[Any]], *, within: float, **body: Any) -> dict[str, Any]:
        openai = library()
        try:
            async with asyncio.timeout(within):  # the library's own limit starts again with every byte
                raw = await method(**body)
        except (TimeoutError, openai.APITimeoutError) as error:
            raise Fault(f"no answer within {within:g} s", "wait", reached=False) from error
        except openai.APIStatusError as error:
            raise self._fault_of(error) from error
        except (openai.OpenAIError, OSError) as error:
            reason = error.__cause__ or error
            said = self._say(f"no answer from the server: {str(reason) or type(reason).__name__}")
            raise Fault(said, "wait", reached=False) from error
        try:
            content = json.loads(raw.text)
        except (ValueError, RecursionError) as error:
            kind = raw.headers.get("content-type", "nothing").partition(";")[0]
            what = "half an answer" if kind.endswith("json") else f"{kind} instead of JSON"
            raise Fault(self._say(f"the server sent {what}"), "wait") from error
        if not isinstance(content, dict):
            raise Fault("the server sent JSON that is no object", "wait")
        if "error" in content and not content.get("choices"):
            raise Fault(self._say(f"the server says: {_message(content)}"), "wait")
        return content

    def _fault_of(self, error: Any) -> Fault:
        """What a status other than 200 means whatever was asked."""
        status, body = error.status_code, error.body if isinstance(error.body, dict) else {}
        said = self._say(_message(body) or error.response.reason_phrase or "nothing")
        code = f"{body.get('code') or ''} {body.get('type') or ''}"
        if 300 <= status < 400:
            return Fault(self._say(f"the server redirects to {error.response.headers.get('location', '')}"), "all")
        if status in (401, 403):
            return Fault(f"the server refuses the key in {KEY} ({status}): {said}", "all")
        if status == 404:
            return Fault(f"no model {self._server.model!r} at {self._server.url}, or no such address: {said}", "all")
        if status == 402 or "insufficient_quota" in code or "billing" in code:
            return Fault(f"the account is used up ({status}): {said}", "all")
        if status in (408, 409, 425, 429) or status >= 500:
            return Fault(f"the server says {status}: {said}", "wait", wait=_retry_after(error.response.headers))
        return Fault(f"the server says {status}: {said}", "question")

    def _understood(self, fault: Fault, prompt: Prompt, form: "_Form") -> Fault:
        """The same fault, if a look at what was asked does not say more."""
        status, message = getattr(fault.__cause__, "status_code", 0), str(fault).lower()
        if status in (400, 413, 422) and (status == 413 or _TOO_LONG.search(message)):
            return Fault(f"the prompt of about {prompt.tokens} tokens is too long: {fault}", "question")
        if prompt.images and status in (400, 404, 415, 422, 500, 501) and _IMAGES.search(message):
            return Fault(f"the model {self._server.model} takes no images: leave out --images ({fault})", "all")
        if status in (400, 422, 501):
            simpler = form.without(message)
            if simpler is not None:
                if self._form == form:  # another question may have found it out meanwhile
                    self._form = simpler
                return Fault(str(fault), "changed")
        return fault

    def _say(self, text: str) -> str:
        """A server's words in one printable line, without the key, which it might repeat."""
        text = text.replace(self._key, "…") if self._key else text
        return printable(" ".join(text.split()))[:_SHOWN]


class _Form(NamedTuple):
    """What the server takes: a JSON schema, a temperature, log-probabilities; limit: the name of the limit of tokens.

    proven: an answer came in this form.
    """

    schema: bool = True
    temperature: bool = True
    log_probabilities: bool = True
    limit: str = "max_tokens"
    proven: bool = False

    def body(self, server: Server, prompt: Prompt) -> dict[str, Any]:
        parameters = server.parameters
        body = {"model": server.model, "messages": prompt.messages, self.limit: parameters.tokens}
        if self.temperature:
            body["temperature"] = parameters.temperature
        if self.schema:
            body["response_format"] = _schema(prompt)
        if prompt.choices and self.log_probabilities and parameters.log_probabilities:
            body |= {"logprobs": True, "top_logprobs": parameters.log_probabilities}
        return body

    def without(self, message: str) -> "_Form | None":
        """The form without what the server's message objects to; None if that cannot be told."""
        if self.limit == "max_tokens" and "max_completion_tokens" in message:
            return self._replace(limit="max_completion_tokens")
        if self.temperature and "temperature" in message:
            return self._replace(temperature=False)
        if self.log_probabilities and "logprob" in message:
            return self._replace(log_probabilities=False)
        if self.schema and (_SCHEMA.search(message) or not self.proven):
            return self._replace(schema=False)
        return None


def _reply(content: Mapping[str, Any], prompt: Prompt) -> Reply:
    """What a completion says. Raises ValueError where it is none."""
    choices = content.get("choices")
    if not isinstance(choices, list):
        raise ValueError("it has no choices")
    usage = content.get("usage")
    choice = choices[0] if choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    text = _text(message.get("content"))
    return Reply(
        text=text,
        finish=_text(choice.get("finish_reason")),
        refusal=_text(message.get("refusal")),
        model=_text(content.get("model")),
        prompt_tokens=_count(usage, "prompt_tokens", prompt.tokens),
        answer_tokens=_count(usage, "completion_tokens", -(-len(text) // 4)),
        log_probabilities=_log_probabilities(choice.get("logprobs"), prompt.choices),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(usage: Any, name: str, otherwise: int) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value >= 0 else otherwise


def _log_probabilities(found: Any, choices: Sequence[str]) -> tuple[Mapping[str, float], ...]:
    tokens = found.get("content") if isinstance(found, dict) else None
    try:
        return tuple(_at_place(token, choices) for token in tokens or ())
    except (KeyError, TypeError, ValueError):
        return ()


def _at_place(token: Mapping[str, Any], choices: Sequence[str]) -> dict[str, float]:
    """The token of the answer, and those in whose place a choice would begin."""
    said = token["token"]
    likely = {top["token"]: float(top["logprob"]) for top in token["top_logprobs"]}
    own = likely[said] if said in likely else float(token["logprob"])
    begins = {name: value for name, value in likely.items() if any(_is_start(name, choice) for choice in choices)}
    return {said: own} | begins


def _is_start(token: str, choice: str) -> bool:
    return bool(bare(token)) and choice.startswith(bare(token))


def _schema(prompt: Prompt) -> dict[str, Any]:
    values = {"type": "string"} | ({"enum": list(prompt.choices)} if prompt.choices else {})
    schema = {
        "type": "object",
        "properties": {prompt.field: values},
        "required": [prompt.field],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": prompt.field, "strict": True, "schema": schema}}


def _message(body: Mapping[str, Any]) -> str:
    """The message in a server's account of an error; servers nest it differently."""
    inner = body.get("error", body)
    said = inner.get("message") or inner.get("detail") if isinstance(inner, dict) else inner
    return said if isinstance(said, str) else json.dumps(said) if said else ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait, as it says in seconds or as a date; None if it does not."""
    asked = headers.get("retry-after", "")
    try:
        return max(float(asked), 0.0)
    except ValueError:
        pass
    try:
        return max(email.utils.parsedate_to_datetime(asked).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return None


def library() -> Any:
    """The package openai, which is imported when it is needed. Raises InputError where it is not installed."""
    try:
        import openai  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError("asking a language model needs the package openai: pip install 'jaxinterp[explain]'") from None
    return openai


_TOO_LONG = re.compile(r"context|too (long|large|many tokens)|maximum.*(length|tokens)|exceed")
_IMAGES = re.compile(r"image|vision|multi-?modal|mmproj|content type|content part")
_SCHEMA = re.compile(r"response_format|json_schema|schema|grammar|structured")
_UNSAID = (
    *("OpenAI-Organization", "OpenAI-Project"),
    *(
        f"X-Stainless-{name}"
        for name in ("Lang", "Package-Version", "OS", "Arch", "Runtime", "Runtime-Version", "Async")
    ),
)
