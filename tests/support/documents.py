"""How is a how-to document tested? Its code blocks are carried out, in their order, in a copy of the package.

A block opens with its language, and may name a file:

    ```python file=jaxinterp/data/blobs.py                        becomes this new file
    ```python file=jaxinterp/choices.py after="DATASETS = {"      is inserted into the file, below that line
    ```python                                                     runs, as a script of its own
    ```sh                                                         runs; `jaxinterp` and `python` are the copy's

Blocks of other languages, such as `text`, are left alone.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from support import compiling

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(?P<info>\S.*?)\n(?P<text>.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\[\]]*\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", flags=re.MULTILINE)
_COPIED = ("jaxinterp", "tests", "checkpoints/demo", "pyproject.toml")
_COMMANDS = {"python": [sys.executable, "-"], "sh": ["bash", "-eu"]}


class Block(NamedTuple):
    """A fenced block of a document; line: where it opens."""

    language: str
    text: str
    file: str | None
    after: str | None
    line: int


def blocks(document: Path) -> list[Block]:
    """The blocks of a Markdown file that name their language, in their order."""
    markdown = document.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(markdown):
        language, *options = shlex.split(match["info"])
        named = dict(option.split("=", 1) for option in options)
        line = markdown.count("\n", 0, match.start()) + 1
        found.append(Block(language, match["text"], named.pop("file", None), named.pop("after", None), line))
        assert not named, f"{document.name}:{line}: a block has no option {', '.join(named)}"
    return found


def text(document: Path) -> str:
    """A Markdown file without its code, in blocks or in a line."""
    return re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.M | re.S))


def links(markdown: str) -> list[str]:
    """What the links and images of a text point to."""
    return _LINK.findall(markdown)


def anchors(document: Path) -> set[str]:
    """What a link may have after #: the headings in lower case, with - between their words."""
    headings = _HEADING.findall(re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.M | re.S))
    return {re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()).strip()) for heading in headings}


def copy_package(folder: Path, demo: Path = ROOT / "checkpoints" / "demo") -> None:
    """Put into folder what a contributor has: the package, its tests, a run, and the commands of its environment.

    demo: the run that is copied to checkpoints/demo; a smaller one where the demo's own numbers do not matter.
    """
    for name in _COPIED:
        source = demo if name == "checkpoints/demo" else ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    (folder / "bin").mkdir()
    for name, arguments in (("jaxinterp", "-m jaxinterp"), ("python", "")):
        command = folder / "bin" / name
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
        command.chmod(0o755)


def carry_out(document: Path, folder: Path, *, elsewhere: Mapping[str, Path] | None = None) -> list[str]:
    """Carry out all blocks of a document in a copy of the package; what each block that runs printed.

    elsewhere: blocks of one line that are left out, since the test of the document that each maps to runs its line.
    Fails, naming the document and the block's line, where a block cannot be placed or exits with an error.
    """
    printed, left_out = [], dict(elsewhere or {})
    for block in blocks(document):
        where = f"{document.name}:{block.line}"
        if other := left_out.pop(line := block.text.strip(), None):
            ran = [text for own in blocks(other) if own.language == block.language for text in own.text.splitlines()]
            assert any(text.startswith(line) for text in ran), f"{where}: {other.name} has no such line"
            continue
        if block.file is not None:
            _place(block, folder / block.file, where)
        elif block.language in _COMMANDS:
            printed.append(_run(block, folder, where))
    assert not left_out, f"{document.name} has no block {', '.join(left_out)}"
    return printed


def _place(block: Block, file: Path, where: str) -> None:
    if block.after is None:
        assert not file.exists(), f"{where}: {block.file} exists already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text, encoding="utf-8")
        return
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.strip() == block.after]
    assert len(places) == 1, f"{where}: {block.file} has the line {block.after!r} {len(places)} times, not once"
    lines.insert(places[0] + 1, block.text)
    file.write_text("".join(lines), encoding="utf-8")


def _run(block: Block, folder: Path, where: str) -> str:
    environment = os.environ | {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder),
        "PYTEST_ADDOPTS": "-n 0",
        # Programs are compiled once for all times that the tests run, and quickly.
        "XDG_CACHE_HOME": str(ROOT / ".pytest_cache"),
        **compiling.ENVIRONMENT,
    }
    environment.pop("PYTEST_CURRENT_TEST", None)
    command = _COMMANDS[block.language]
    done = subprocess.run(command, input=block.text, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{where} failed\n{done.stdout}\n{done.stderr}"
    return done.stdout
