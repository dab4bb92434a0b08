"""Which browser do the scripts use? The first Chromium on the path; playwright controls it and downloads none."""

import shutil
from contextlib import contextmanager

from jaxinterp.errors import InputError

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def launched():
    """A Chromium without a window while the block runs. Raises InputError, with what to install, if none exists."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise InputError(f"no Chromium on the path: install one of {', '.join(NAMES)}, such as Debian's chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise InputError("playwright is not installed: pip install .[dev]") from None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
