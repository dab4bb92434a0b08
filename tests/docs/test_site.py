"""The documentation's site is built without a warning, and no page of it asks a server for anything."""

import importlib.util
import re
import shutil
import subprocess
import sys

import chromium
import pytest
from support import documents

from jaxinterp.errors import InputError

TOOLS = ("zensical", "mkdocstrings", "mkdocstrings_handlers")
BUILD = ("-m", "zensical", "build", "--strict", "--config-file", "docs/mkdocs.yml")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The site's folder, and what building it printed."""
    if missing := [tool for tool in TOOLS if importlib.util.find_spec(tool) is None]:
        pytest.skip(f"{', '.join(missing)} not installed: pip install .[docs], or make docs-tools")
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(documents.ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("site", ".cache"))
    (folder / "jaxinterp").symlink_to(documents.ROOT / "jaxinterp")
    done = subprocess.run([sys.executable, *BUILD], cwd=folder, capture_output=True, text=True)
    return folder / "docs" / "site", done.stdout + done.stderr


def test_it_is_built_without_a_warning(built):
    # Its strict mode counts its own warnings alone: those of the docstrings' reader are only printed.
    site, printed = built
    assert "No issues found" in printed and not re.search("warning|error", printed, flags=re.IGNORECASE), printed
    assert (site / "index.html").is_file()


def test_docstrings_are_shown_with_their_shapes(built):
    shown = re.sub("<.*?>", "", (built[0] / "api" / "statistics.html").read_text("utf-8"))
    assert "jaxinterp.stats" in shown and "mean: float" in shown and "Float[Array | np.ndarray," in shown


def test_no_page_loads_anything_from_a_server(built):
    pages = sorted(built[0].rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loads = re.findall(r"<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=\"?([^\"\s>]+)", page.read_text("utf-8"))
        assert loads and not [address for address in loads if "//" in address], page.name


def test_pages_and_search_work_from_a_folder(built):
    try:
        with chromium.launched() as browser:
            said = []
            page = browser.new_page()
            page.on("console", lambda message: said.append(message.text))
            page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
            page.goto((built[0] / "api" / "pairs.html").as_uri())
            page.keyboard.press("Control+k")
            page.keyboard.type("checkpoints damaged")
            page.get_by_role("link", name="Reliability").first.wait_for()
            assert said == []
    except InputError as missing:
        pytest.skip(str(missing))
