"""Which code does a function depend on? Its module, and all that this imports of the package, directly or not.

What only shows results is left out, and so are comments and docstrings.
"""

import ast
import hashlib
import inspect
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

_SHOWING = ("report", "cli")  # these only show results


class Source(NamedTuple):
    """A hash of a file's code, and the modules of the package that it imports."""

    digest: str
    imports: frozenset[Path]


def code(*functions: Callable) -> str:
    """A hash of the code that functions depend on, and of the values that partials and closures hold."""
    parts = [part for function in functions for part in _parts(function)]
    sources = imported({part for part in parts if isinstance(part, Path)})
    values = [part for part in parts if isinstance(part, str)]
    return _hash("\n".join([*values, *(f"{file.name}: {sources[file].digest}" for file in sorted(sources))]).encode())


def imported(files: set[Path]) -> dict[Path, Source]:
    """These files, and all modules of the package that they import, directly or not."""
    found, new = {}, files
    while new:
        found |= {file: _package()[file] if file in _package() else _source(file) for file in new}
        new = {module for file in new for module in found[file].imports} - found.keys()
    return found


def _parts(value: Any) -> Iterator[Path | str]:
    """Of a function, and of those that it holds, the file in which it is written and its name; other values as text."""
    if isinstance(value, partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _parts(part)
    elif callable(value):
        function = inspect.unwrap(value)
        try:
            file = Path(inspect.getsourcefile(function) or "")
        except TypeError:  # written in C
            file = Path()
        if file.is_file():  # a notebook's cell has no file
            yield file
        yield f"{function.__module__}.{function.__qualname__}" if hasattr(function, "__qualname__") else repr(value)
        for cell in getattr(function, "__closure__", None) or ():
            yield from _parts(cell.cell_contents)
    else:
        yield repr(value)


@cache  # as it was when this process began to measure, should a file be edited meanwhile
def _package() -> dict[Path, Source]:
    return {file: _source(file) for file in _modules().values()}


@cache
def _modules() -> dict[str, Path]:
    """The files of the package by the names of their modules, without those that only show results."""
    root = Path(str(resources.files("jaxinterp")))
    parts = {file: file.relative_to(root).with_suffix("").parts for file in root.rglob("*.py")}
    return {
        ".".join(("jaxinterp", *own)).removesuffix(".__init__"): file
        for file, own in parts.items()
        if own[0] not in _SHOWING
    }


def _source(file: Path) -> Source:
    tree = ast.parse(file.read_text())
    imports = _imports(tree)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):  # without docstrings
            node.body = [  # pyright: ignore[reportAttributeAccessIssue]
                part for part in body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return Source(_hash(ast.dump(tree).encode()), imports)


def _imports(tree: ast.Module) -> frozenset[Path]:
    """The modules that a file imports; all of them, where it chooses what to import as it runs."""
    modules, names = _modules(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else str(node.module) for name in whole}
        elif isinstance(node, ast.Attribute) and node.attr == "import_module":
            return frozenset(modules.values())
    return frozenset(modules[name] for name in names if name in modules)


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
