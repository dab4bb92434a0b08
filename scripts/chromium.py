"""Which browser opens a page for us? The first Chromium on the path, driven by playwright, which downloads none."""

import shutil
from contextlib import contextmanager

from jaxinterp.errors import InputError

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def launched():
    """A Chromium without a window, for as long as the block lasts. Raises InputError, with what to install."""
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise InputError(f"there is no Chromium: install one of {', '.join(NAMES)}, such as Debian's package chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise InputError("there is no playwright: pip install .[dev]") from None
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
