"""What was set for a run, what does each field mean, and which command sets it?"""

import ast
import dataclasses
import inspect
import shlex
import textwrap
import typing
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from typing_extensions import Doc

from jaxinterp import recipes
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.jobs import IMPORTED

PARTS = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}


class Setting(NamedTuple):
    """A field of a config as text; meaning: "" where the field's name says it."""

    name: str
    value: str
    meaning: str


def settings(config: RunConfig, class_names: Sequence[str] = ()) -> list[Setting]:
    """Every field of a run's config, those of its parts as "part.field".

    class_names: of the labels that the networks learn, from 0 on, as far as they are known; classes are then named.
    """
    recipe = Setting("recipe", config.recipe or "—", meanings(RunConfig).get("recipe", ""))
    names = _names(config.data, class_names)
    found = []
    for name, value, meaning in _fields(config):
        if name in ("data.classes", "data.positive") and value not in (None, ()):
            labels = value if isinstance(value, tuple) else (value,)
            value = tuple(names.get(label, str(label)) for label in labels)
        found.append(Setting(name, _written(value), meaning))
    return [*found, recipe]


def _names(config: DataConfig, class_names: Sequence[str]) -> dict[int, str]:
    """How the labels of the source are written where the config names some: with their number and name."""
    if config.positive is not None:  # the networks learn two classes: it and the others
        own = {config.positive: class_names[1]} if len(class_names) == 2 else {}
    else:
        own = {label + config.label_offset: name for label, name in enumerate(class_names)}
    return {label: f"{label} ({name})" for label, name in own.items() if name != str(label)}


def command(config: RunConfig) -> str:
    """The command that trains networks of this config; "" for imported ones, whose files it would need.

    It names the config's recipe where there is one, and each field that differs from it.
    """
    if config.recipe == IMPORTED:
        return ""
    known = recipes.RECIPES.get(config.recipe)
    start = {name: value for name, value, _ in _fields(known.config if known else RunConfig())}
    words = ["jaxinterp", "train", *(["--recipe", config.recipe] if known else [])]
    for name, value, _ in _fields(config):
        if value != start[name]:
            words += _option(name, value)
    return shlex.join(words)


@cache
def meanings(kind: type) -> dict[str, str]:
    """What the fields of a config's class mean: the text that stands under each, or in its annotation."""
    hints = typing.get_type_hints(kind, include_extras=True)
    annotated = {
        name: part.documentation
        for name, hint in hints.items()
        for part in getattr(hint, "__metadata__", ())
        if isinstance(part, Doc)
    }
    [body] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    below = {
        field.target.id: text.value.value
        for field, text in zip(body.body, body.body[1:], strict=False)  # pyright: ignore
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
    return {name: " ".join(str(text).split()) for name, text in (annotated | below).items()}


def _fields(config: RunConfig) -> Iterator[tuple[str, Any, str]]:
    for part, kind in PARTS.items():
        for field in dataclasses.fields(kind):
            yield f"{part}.{field.name}", getattr(getattr(config, part), field.name), meanings(kind).get(field.name, "")


def _option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        part, field = name.split(".")
        return [f"--{name}" if value else f"--{part}.no-{field}"]
    return [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, (), ""):
        return "—"
    if isinstance(value, tuple):
        return ", ".join(map(_written, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
