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
from typing import Any

PACKAGE = "jaxinterp"
_SHOWING = ("report", "cli")  # these only show results


def code(*functions: Callable) -> str:
    """A hash of the code that functions depend on, and of the values that partials and closures hold."""
    read = [part for function in functions for part in _parts(function)]
    values = [part for part in read if isinstance(part, str)]
    files = _imported({part for part in read if isinstance(part, Path)})
    return _hash("\n".join([*values, *map(_digest, files)]).encode())


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


def _imported(files: set[Path]) -> list[Path]:
    """These files and all modules of the package that they import, sorted by module."""
    found, new = set(), set(files)
    while new:
        found |= new
        new = {module for file in new for module in _imports(file)} - found
    return sorted(found)


@cache
def _modules() -> dict[str, Path]:
    """The files of the package by the names of their modules, without those that only show results."""
    root = Path(str(resources.files(PACKAGE)))
    parts = {file: file.relative_to(root).with_suffix("").parts for file in root.rglob("*.py")}
    return {
        ".".join((PACKAGE, *own)).removesuffix(".__init__"): file
        for file, own in parts.items()
        if own[0] not in _SHOWING
    }


@cache
def _imports(file: Path) -> frozenset[Path]:
    """The modules of the package that a file imports; all of them, where it chooses what to import as it runs."""
    modules, names = _modules(), set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in modules else str(node.module) for name in whole}
        elif isinstance(node, ast.Attribute) and node.attr == "import_module":
            return frozenset(modules.values())
    return frozenset(modules[name] for name in names if name in modules)


@cache
def _digest(file: Path) -> str:
    tree = _tree(file)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # pyright: ignore[reportAttributeAccessIssue]
                part for part in body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
    return f"{file.name}: {_hash(ast.dump(tree).encode())}"


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
