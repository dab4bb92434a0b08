"""How was the README's picture made? One view of a run's page, in light colours, as Chromium shows it.

    python scripts/screenshot.py

takes about a minute on two cores, most of it to make the page, and writes docs/assets/picture.png. It needs the
dev extra and a Chromium (Debian's package is enough).
"""

import sys
import tempfile
from pathlib import Path

import chromium
import tyro

from jaxinterp import cli

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "checkpoints" / "demo"
PICTURE = ROOT / "docs" / "assets" / "picture.png"
VIEW = "explorer?seed=0&layer=1&unit=4&class=4"


def take(run: Path = DEMO, view: str = VIEW, to: Path = PICTURE, width: int = 1280, height: int = 1100) -> None:
    """Write a picture of one view of a run's page.

    Args:
        run: the run's folder
        view: what follows # in the address of the page when it shows the view
        to: the picture, a PNG file
        width: width of the window; the picture has 1.5 times as many pixels
        height: its height, likewise
    """
    from jaxinterp import ensemble, report

    ensemble.use_every_core()
    with tempfile.TemporaryDirectory() as folder, chromium.launched() as browser:
        file = Path(folder) / "index.html"
        file.write_text(report.render(run), encoding="utf-8")
        page = browser.new_page(
            viewport={"width": width, "height": height}, device_scale_factor=1.5, color_scheme="light"
        )
        page.goto(f"{file.as_uri()}#{view}")
        page.wait_for_selector("html.started")
        page.screenshot(path=to)


if __name__ == "__main__":
    sys.exit(cli.guarded(lambda arguments: tyro.cli(take, args=arguments), sys.argv[1:]))
