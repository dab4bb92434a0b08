"""A server on this machine that answers like OpenAI's, or misbehaves on purpose, and remembers what it was asked."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support import connections

MODEL = "parrot"


class Exchange:
    """One question on its way through the server: what was sent, how often before, and the connection."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: dict[str, Any], before: int) -> None:
        self.handler, self.body, self.before = handler, body, before

    def send(self, content: bytes, *, status: int = 200, kind: str = "application/json", length=None, **headers):
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(content)
        self.handler.wfile.flush()

    def error(self, status: int, message: str, **headers) -> None:
        self.send(json.dumps({"error": {"message": message, "type": "test"}}).encode(), status=status, **headers)


Behaviour = Callable[[Exchange], None]


def completion(text: str | None, *, finish="stop", model=MODEL, used=(100, 10), **message) -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    usage = dict(zip(("prompt_tokens", "completion_tokens"), used, strict=True))
    return json.dumps(
        {"id": "1", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
    ).encode()


def field(body: dict[str, Any]) -> str:
    """The field that the answer is to have, as the prompt's text says."""
    return re.findall(r'nothing else: {"(\w+)": ', json.dumps(body["messages"]).replace("\\", ""))[0]


def choices(body: dict[str, Any]) -> list[str]:
    """What may be answered; nothing where the answer is free text."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return schema["properties"][field(body)].get("enum", []) if schema else []


def key(body: dict[str, Any]) -> str:
    """A short name of what was asked."""
    return hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()[:8]


def answer(exchange: Exchange) -> None:
    """A label, or a choice, that says which question it belongs to."""
    name, known = key(exchange.body), choices(exchange.body)
    value = known[int(name, 16) % len(known)] if known else f"answers {name}"
    exchange.send(completion(json.dumps({field(exchange.body): value}, indent=2)))


def says(text: str | None, **options) -> Behaviour:
    return lambda exchange: exchange.send(completion(text, **options))


def sends(content: bytes, **options) -> Behaviour:
    return lambda exchange: exchange.send(content, **options)


def fails(status: int, message: str = "no", **headers) -> Behaviour:
    return lambda exchange: exchange.error(status, message, **headers)


def hangs_up(exchange: Exchange) -> None:
    """The connection is closed without a word."""
    exchange.handler.close_connection = True
    exchange.handler.connection.close()


def breaks_off(exchange: Exchange) -> None:
    """Half of what was announced, and then the connection is closed."""
    content = completion("half")
    exchange.send(content[: len(content) // 2], length=len(content))
    hangs_up(exchange)


def trickles(exchange: Exchange) -> None:
    """One byte after the other, so that no single one is late."""
    exchange.handler.send_response(200)
    exchange.handler.send_header("Content-Length", "100000")
    exchange.handler.end_headers()
    while not exchange.handler.server.closing.wait(0.05):  # type: ignore[attr-defined]
        exchange.handler.wfile.write(b" ")
        exchange.handler.wfile.flush()


def late(seconds: float, behaviour: Behaviour = answer) -> Behaviour:
    def wait(exchange: Exchange) -> None:
        time.sleep(seconds)
        behaviour(exchange)

    return wait


def first(*behaviours: Behaviour, then: Behaviour = answer) -> Behaviour:
    """Each question meets these behaviours, one after the other, and then the last."""
    return lambda exchange: (behaviours[exchange.before] if exchange.before < len(behaviours) else then)(exchange)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviour: Behaviour, models: list[str] | None) -> None:
        self.behaviour, self.models = behaviour, models
        self.log: list[tuple[str, dict[str, Any]]] = []  # each question's name and body; other requests by their path
        self.headers: list[dict[str, str]] = []
        self.at_once, self.most, self.lock = 0, 0, threading.Lock()
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def asked(self) -> list[str]:
        return [name for name, body in self.log if body]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, body in self.log if body]

    def handle_error(self, request, client_address) -> None:
        """Clients that are killed break connections off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format, *args) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self.server.log.append((self.path, {}))
        if self.path != "/v1/models" or self.server.models is None:
            return Exchange(self, {}, 0).error(404, "no such page")
        listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in self.server.models]}
        return Exchange(self, {}, 0).send(json.dumps(listed).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            before = self.server.asked.count(key(body))
            self.server.log.append((key(body), body))
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.server.at_once += 1
            self.server.most = max(self.server.most, self.server.at_once)
        try:
            self.server.behaviour(Exchange(self, body, before))
        finally:
            with self.server.lock:
                self.server.at_once -= 1


@contextmanager
def serving(behaviour: Behaviour = answer, *, models: list[str] | None = None) -> Iterator[_Server]:
    """A server that behaves so towards every question. models: what it lists; None: it has no list."""
    server = _Server(behaviour, models)
    connections.allow(("127.0.0.1", server.server_address[1]))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
