"""Which part of a document does a script write? The lines between two comments that name the script.

Scripts that count outcomes also share how these are added up and written as a table.
"""

from collections.abc import Iterable, Mapping, Sequence

from jaxinterp.errors import InputError


def insert(document: str, script: str, content: str) -> str:
    """The document with the content between the lines <!-- SCRIPT --> and <!-- /SCRIPT -->.

    Raises InputError unless it has both, in this order.
    """
    start, end = f"<!-- {script} -->", f"<!-- /{script} -->"
    before, found, rest = document.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise InputError(f"the document needs a line {start} and, below it, a line {end}")
    return f"{before}{start}\n\n{content.strip()}\n\n{end}{after}"


def added(first, second):
    """The sum, field by field, of two named tuples of one kind: their `__add__`."""
    return type(first)(*map(sum, zip(first, second, strict=True)))


def counts(columns: Sequence[str], rows: Mapping[str, Iterable[int]]) -> str:
    """A table in Markdown: a name and its counts in each row."""
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(map('{:,}'.format, row))} |" for name, row in rows.items())])
