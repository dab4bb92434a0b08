"""What is a language model asked? To label units, to summarise layers and the network, and to predict from its words.

Every prompt about a network opens with its background and the task, and what varies comes last, so that a server reads
the common beginning once. The templates are in `prompts/`; `version` changes with them.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from jinja2 import Environment, PackageLoader, StrictUndefined

from jaxinterp.data import Shape
from jaxinterp.explanation import pictures
from jaxinterp.explanation.facts import Connections, Facts
from jaxinterp.text import format_percent

EXEMPLARS = 3  # real images of each unit in its prompt
READ = 3  # inputs of each unit in its layer's prompt
IMAGE_TOKENS = 256  # a rough mean over models: they take from 60 to 800 for a small image
LABEL, SUMMARY, ACTIVATION, CLASS = "label", "summary", "activation", "class"
SCALE = tuple(map(str, range(11)))  # of predicted activations
_TEMPLATES = ("background", "unit", "layer", "network", "prediction", "reading")
_IMAGE = re.compile("\0(.*?)\0")
_PIECES = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_|\n")


class Split(NamedTuple):
    """Accuracy and mean loss on a split's images; NaN where it is not known."""

    name: str
    accuracy: float
    loss: float


class Background(NamedTuple):
    """What all prompts say of one network. layers: units of each hidden layer; splits: those with images."""

    kind: str
    layers: tuple[int, ...]
    outputs: int
    activation: str
    data: str
    class_names: tuple[str, ...]
    image_shape: Shape
    splits: tuple[Split, ...]


class Prompt(NamedTuple):
    """One question to a language model.

    subject: what it is about, such as "hidden0:3 of seed 0". messages: as chat completions take them. field: the one
    field that the answer, a JSON object, is to have. choices: its possible values; none if it is free text.
    """

    subject: str
    messages: list[dict[str, Any]]
    field: str
    choices: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """How many images it has."""
        return sum(part["type"] == "image_url" for part in _parts(self.messages))

    @property
    def tokens(self) -> int:
        """Roughly how many tokens it is: words of a language are cut into pieces of about six letters."""
        pieces = (_PIECES.findall(part.get("text", "")) for part in _parts(self.messages))
        counted = (-(-len(piece) // (3 if piece.isdigit() else 6)) for found in pieces for piece in found)
        return sum(counted) + IMAGE_TOKENS * self.images

    @property
    def text(self) -> str:
        """The prompt as it can be read: an image is its number of bytes."""
        lines = []
        for message in self.messages:
            lines.append(f"[{message['role']}]")
            for part in _parts([message]):
                lines.append(part["text"] if part["type"] == "text" else f"(a PNG, {len(part['image_url']['url'])} B)")
        return "\n".join(lines)


def of_unit(background: Background, facts: Facts, *, sees: bool, where: str = "") -> Prompt:
    """What a live unit responds to: class means, strongest inputs, the maximiser and real images.

    sees: whether the model takes images; otherwise they are drawn in characters. where: which network, for `subject`.
    """
    names = facts.class_names
    user = _render(
        "unit",
        facts=facts,
        sees=sees,
        classes=list(zip(names, facts.class_mean.tolist(), facts.class_sd.tolist(), strict=True)),
        incoming=_listed(facts.incoming),
        exemplars=[
            (names[label], pixels)
            for label, pixels in zip(facts.exemplar_labels[:EXEMPLARS].tolist(), facts.exemplars, strict=False)
        ],
        image=_image_writer(facts.image_shape, sees),
    )
    return _prompt(background, user, f"unit {facts.unit} of layer {facts.layer}{where}", LABEL)


def of_layer(background: Background, layer: Sequence[Facts], labels: Sequence[str], *, where: str = "") -> Prompt:
    """What one layer computes, from the labels of all its units, dead ones among them, and their strongest inputs."""
    number = layer[0].layer
    units = [
        {"number": facts.unit, "label": label, "incoming": _listed(facts.incoming)[:READ]}
        for facts, label in zip(layer, labels, strict=True)
    ]
    return _prompt(background, _render("layer", layer=number, units=units), f"layer {number}{where}", SUMMARY)


def of_network(
    background: Background, summaries: Sequence[str], outputs: Mapping[str, Connections], *, where: str = ""
) -> Prompt:
    """How each output is decided, from the layers' summaries and each output's strongest inputs, by its name."""
    listed = [(name, _listed(incoming)) for name, incoming in outputs.items()]
    return _prompt(background, _render("network", summaries=summaries, outputs=listed), f"network{where}", SUMMARY)


def of_prediction(label: str, image: Float[np.ndarray, " pixels"], shape: Shape, *, sees: bool, subject: str) -> Prompt:
    """How active a unit is on an image, as one of SCALE, from its label alone."""
    user = _render("prediction", label=label, image=_image_writer(shape, sees)(image), sees=sees)
    return Prompt(subject, [{"role": "user", "content": _content(user)}], ACTIVATION, SCALE)


def of_reading(
    background: Background,
    summaries: Sequence[str],
    network: str,
    image: Float[np.ndarray, " pixels"],
    *,
    half_wrong: bool = False,
    sees: bool,
    subject: str,
) -> Prompt:
    """Which class the network answers for an image, from the summaries of its layers and of the network.

    half_wrong: say that it answers wrongly on half of the images.
    """
    written = _image_writer(background.image_shape, sees)(image)
    user = _render(
        "reading",
        own=background,
        summaries=summaries,
        network=network,
        image=written,
        half_wrong=half_wrong,
        sees=sees,
    )
    return _prompt(background, user, subject, CLASS)._replace(choices=background.class_names)


@cache
def version() -> str:
    """The templates' version: a hash of their text."""
    folder = resources.files("jaxinterp.explanation") / "prompts"
    return hashlib.sha256(b"\0".join((folder / f"{name}.txt").read_bytes() for name in _TEMPLATES)).hexdigest()[:8]


def _prompt(background: Background, user: str, subject: str, field: str) -> Prompt:
    system = _render("background", own=background)
    messages = [{"role": "system", "content": system}, {"role": "user", "content": _content(user)}]
    return Prompt(subject, messages, field)


def _content(text: str) -> str | list[dict[str, Any]]:
    """The text, cut at its images into parts if it has any."""
    pieces = _IMAGE.split(text)
    if len(pieces) == 1:
        return text.strip()
    parts: list[dict[str, Any]] = []
    for number, piece in enumerate(pieces):
        if number % 2:
            parts.append({"type": "image_url", "image_url": {"url": piece}})
        elif piece.strip():
            parts.append({"type": "text", "text": piece.strip()})
    return parts


def _parts(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    contents = (message["content"] for message in messages)
    return [
        part
        for content in contents
        for part in ([{"type": "text", "text": content}] if isinstance(content, str) else content)
    ]


def _image_writer(shape: Shape, sees: bool):
    def write(image: Float[np.ndarray, " pixels"]) -> str:
        return f"\0{pictures.data_uri(image, shape)}\0" if sees else pictures.text(image, shape)

    return write


def _listed(connections: Connections) -> list[tuple[int, float]]:
    return list(zip(connections.units.tolist(), connections.weights.tolist(), strict=True))


def _render(name: str, **values: Any) -> str:
    return _environment().get_template(f"{name}.txt").render(**values).strip()


@cache
def _environment() -> Environment:
    # Prompts are plain text: nothing is escaped, and what a model said is a value, never a template.
    environment = Environment(
        loader=PackageLoader("jaxinterp.explanation", "prompts"),
        undefined=StrictUndefined,
        trim_blocks=True,
        autoescape=False,
    )
    environment.filters["number"] = lambda value: f"{value:.3g}"
    environment.filters["percent"] = lambda value: format_percent(value, 1)
    return environment
