"""Which part of a document does a script write? The lines between two comments that name the script."""

from pathlib import Path

from jaxinterp.errors import InputError


def replace_section(file: Path, script: str, content: str) -> None:
    """Replace what stands in a file between the lines <!-- SCRIPT --> and <!-- /SCRIPT -->.

    Raises InputError where the file does not have both.
    """
    text, start, end = file.read_text(encoding="utf-8"), f"<!-- {script} -->\n", f"<!-- /{script} -->\n"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise InputError(f"{file} has no section {script}: write a line {start.strip()} and a line {end.strip()}")
    file.write_text(f"{before}{start}\n{content.strip()}\n\n{end}{after}", encoding="utf-8")
