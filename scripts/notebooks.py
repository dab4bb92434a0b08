"""Do the notebooks run? Execute notebooks/*.py, their sources, and write each result next to it as .ipynb.

    python scripts/notebooks.py                     # all of them; needs: pip install .[notebooks]
    python scripts/notebooks.py 01_one_vs_seven     # one

A notebook trains its run if it is missing, and uses the study's stored results if they exist (jaxinterp study all makes
them). With stored results a notebook takes about a minute, otherwise up to ten.
"""

import sys
from pathlib import Path

from tyro.conf import Positional

from jaxinterp import cli

FOLDER = Path(__file__).parents[1] / "notebooks"


def execute(names: Positional[tuple[str, ...]] = ()) -> None:
    """Execute notebooks, and write each next to its source.

    Args:
        names: such as 01_one_vs_seven; all by default
    """
    import jupytext
    import nbformat
    from nbclient import NotebookClient  # pyright: ignore[reportMissingImports]  # of the extra `notebooks`

    for source in [FOLDER / f"{name}.py" for name in names] or sorted(FOLDER.glob("*.py")):
        notebook = jupytext.read(source)
        resources = {"metadata": {"path": str(FOLDER)}}
        NotebookClient(notebook, timeout=1800, coalesce_streams=True, resources=resources).execute()
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{number}"  # instead of random ids, so that unchanged cells stay unchanged in git
            cell["metadata"] = {}
            if "outputs" in cell:  # warnings would hold names of this machine's folders
                cell["outputs"] = [output for output in cell["outputs"] if output.get("name") != "stderr"]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook.metadata = {"kernelspec": kernel}
        target = source.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        print(f"wrote {target}")


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: cli.parse(execute, arguments), sys.argv[1:]))
