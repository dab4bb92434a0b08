"""Which part of a document does a script write? The lines between two comments that name the script."""

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
