"""How large is a run's page, and how long does it take to make and to open it?

The run is stored in a temporary folder: the networks of recipe bottleneck-neurons, untrained, with the findings and
figures of checkpoints/demo, since neither size nor time depends on the weights. `jaxinterp report` makes its page in
its own process, first without compiled programs in the cache and then with them; Chromium opens the explorer.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import chromium

from benchmarks import processes
from benchmarks.ablation import untrained
from benchmarks.options import Options
from benchmarks.race import Result, Timing, spread
from jaxinterp import data, recipes, store, train
from jaxinterp.errors import InputError

DEMO = Path(__file__).parents[2] / "checkpoints" / "demo"
# Two more frames later, everything that the explorer put on the page is visible.
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))))"


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    with tempfile.TemporaryDirectory() as folder:
        run = stored(Path(folder) / "run", splits, options.seeds)
        seconds = [made(run, Path(folder) / "cache") for _ in range(1 + options.rounds)]
        timings = {"making": Timing(1, seconds[0], seconds[1:])}
        page = run / "report" / "index.html"
        size = f"{options.seeds} networks"
        results = [
            Result("size", "MB", spread([page.stat().st_size / 1e6]), target="≤ 15", note=size),
            Result("making it, cold", "s", spread(seconds[:1]), target="< 30", note=f"{size}; nothing compiled before"),
            Result("making it, warm", "s", spread(seconds[1:]), target="< 30", note=f"{size}; imports included"),
        ]
        row = Result("opening it", "s", None, target="< 2", note=f"{size}; from navigation to the explorer drawn")
        try:
            timings["opening"] = opened(page, options.rounds)
            results.append(row._replace(rate=spread(timings["opening"].seconds)))
        except InputError as missing:
            results.append(row._replace(note=str(missing)))
    return timings, results


def stored(path: Path, splits: data.Splits, seeds: int) -> Path:
    """A run of this many untrained networks, with the demo's results."""
    config = recipes.config("bottleneck-neurons", seeds=seeds)
    trained = train.as_trained(untrained(seeds, splits.test.images.shape[-1]), splits, loss=config.train.loss)
    store.save(path, config, trained, splits.test)
    shutil.copytree(DEMO / "results", path / "results")
    return path


def made(run: Path, cache: Path) -> float:
    """Seconds of `jaxinterp report`."""
    return processes.command_seconds("report", str(run), cache=cache)


def opened(page: Path, rounds: int) -> Timing:
    """Time from navigation until the explorer is drawn. Raises InputError where there is no browser."""
    with chromium.launched() as browser:

        def seconds() -> float:
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            view = context.new_page()
            view.goto(f"{page.as_uri()}#explorer")
            view.wait_for_selector("html.started")
            view.wait_for_selector("#card canvas")
            drawn = view.evaluate(DRAWN) / 1000
            context.close()
            return drawn

        first, *later = [seconds() for _ in range(1 + rounds)]
    return Timing(1, first, later)
