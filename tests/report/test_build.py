import base64
import dataclasses
import hashlib
import html.parser
import json
import re
import shlex
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from support import findings

from jaxinterp import cli, recipes, report, store, studies
from jaxinterp.cli.commands import Run
from jaxinterp.config import RunConfig
from jaxinterp.report import build, live
from jaxinterp.report.figures.common import shows
from jaxinterp.stats import Estimate
from jaxinterp.studies import Control
from jaxinterp.train import History

HOSTILE = """<script>alert(1)</script>"'&</style><img src=x onerror=alert(1)>"""
NAN = float("nan")


def finding(text="text", score=(0.6, 0.05, 0.55, 0.65, 8), note=""):
    other = Control("another null", Estimate(0.1, 0.02, 0.05, 0.15, 8))
    measured = Estimate(0.8, 0.1, 0.7, 0.9, 8)
    return findings.finding(
        text=text, measured=measured, control=other.estimate, score=Estimate(*score), others=(other,), note=note
    )


def history():
    accuracy = np.array([[[0.8, NAN, 0.7], [0.9, NAN, 0.8]], [[0.9, NAN, 0.6], [NAN] * 3]], np.float32)
    by_class = np.repeat(accuracy[..., None], 2, axis=-1)
    return History(1 - accuracy, accuracy, by_class, np.array([0, 2]), np.array([0, 0]), np.array([2, 1]))


class Page(html.parser.HTMLParser):
    """The tags of a page in which every opened element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attrs for tag, attrs in self.tags if tag == name]


def figure(label):
    shown = Figure()
    shown.subplots().plot([0, 1])
    shown.set_label(label)
    return shown


def test_hostile_text_stays_text():
    config = dataclasses.replace(RunConfig(), recipe=HOSTILE)
    shown = {"figures": [build.drawn(figure(HOSTILE))], "history": history(), "config": config}
    page = Page(build.render(HOSTILE, [finding(HOSTILE, note=HOSTILE)], **shown))
    assert len(page.all("script")) == 1 and page.text.count(HOSTILE) == 5  # title, heading, claim, note, configuration
    assert next(image["alt"] for image in page.all("img")) == HOSTILE
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_page_needs_nothing_but_itself():
    page = Page(
        build.render(
            "Title", [finding()], figures=[build.drawn(figure("a line"))], history=history(), config=RunConfig()
        )
    )
    sources = [attrs[name] for _, attrs in page.tags for name in ("src", "href") if name in attrs]
    assert sources and all(source.startswith(("data:", "#")) for source in sources)
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {source[1:] for source in sources if source.startswith("#")} <= anchors
    assert {"viewport", "color-scheme"} <= {meta.get("name") for meta in page.all("meta")}
    assert all(image["alt"] for image in page.all("img"))


def test_page_shows_the_finding_its_rule_and_its_controls():
    page = Page(build.render("Title", [finding()]))
    for words in (
        "jaxinterp study study --run RUN",
        "0.800 ± 0.100",
        "[0.700, 0.900]",
        "0.100 (null)",
        "another null",
        "above 0.5",
        "holds: 1",
    ):
        assert words in page.text
    assert len(page.all("circle")) == 2  # ours, and the score


def test_a_row_tells_how_to_make_its_run_from_scratch():
    command = "jaxinterp run --study study --seeds 3"
    for from_scratch, config, words in (
        ({"study": command}, RunConfig(), f"Reproduce from scratch: {command}"),
        ({"other": command}, RunConfig(), "The networks' settings: Configuration"),
        ({}, None, "--run RUN"),
    ):
        text = Page(build.render("Title", [finding()], from_scratch=from_scratch, config=config)).text
        assert words in text
        assert (command in text) == ("study" in from_scratch) and text.count("The networks' settings") == words.count(
            "settings"
        )


def begun(path, config):
    store.begin(path, config)
    (path / "weights").mkdir()


@pytest.mark.parametrize("seeds", [None, 3])
@pytest.mark.parametrize("epochs", [None, 1])
def test_the_command_from_scratch_asks_for_the_runs_that_are_there(tmp_path, seeds, epochs):
    runs = studies.runs("looking-for-four", tmp_path, seeds=seeds, epochs=epochs)
    for path, config in runs.items():
        begun(path, config)
    program, job, *options = shlex.split(report.from_scratch("looking-for-four", tmp_path))
    assert (program, job) == ("jaxinterp", "run")
    asked = cli.parse(Run, options, prog="jaxinterp run")
    assert (asked.study, asked.seeds, asked.epochs) == ("looking-for-four", seeds, epochs)
    assert len(runs) > 1


def test_there_is_no_such_command_for_networks_of_another_kind(tmp_path):
    config = recipes.config("instance-variation", seeds=3)
    begun(tmp_path, config)
    assert report.from_scratch("instance-variation", tmp_path).endswith("--seeds 3")
    for part, change in (("train", {"learning_rate": 0.5}), ("model", {"widths": (3,)}), ("data", {"train_size": 9})):
        changed = dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **change)})
        store.begin(tmp_path, changed)
        assert report.from_scratch("instance-variation", tmp_path) is None


def test_a_figure_is_there_once_below_the_first_row_that_it_shows():
    figures = [shows(figure("first"), "1.1", "2"), figure("second"), shows(figure("third"), "9")]
    rows = [finding(), finding(), finding()._replace(row="2")]
    html = build.render("Title", rows, figures=map(build.drawn, figures))
    page = Page(html)
    assert html.count('src="data:image/svg') == 3
    assert [attrs["href"] for attrs in page.all("a") if attrs.get("class") == "shows"] == ["#figure-1"] * 3
    places = [html.index(text) for text in ('id="row-study-1.1-again"', 'alt="first"', 'id="row-study-2"')]
    assert places == sorted(places)
    after = html[html.index("More figures") :]
    assert 'alt="first"' not in after and 'alt="second"' in after and 'alt="third"' in after


def test_the_page_opens_with_the_networks_the_answer_and_what_matters_most():
    rows = [finding("one claim"), finding("another claim")]
    summary = build.Summary("Is it so?", "It is.", [rows[1]])
    html = build.render("Title", rows, summaries=[summary], history=history(), config=RunConfig())
    opening = html[html.index("<main>") + 6 : html.index("All 2 findings")]
    above = Page(f"{opening}</h2></section>")
    for words in ("1 network: mnist 32-16-10", "Test accuracy 80.0 ± — %", "Is it so?", "It is.", "another claim"):
        assert words in " ".join(above.text.split())
    assert "one claim" not in above.text
    assert [attrs["href"] for attrs in above.all("a")] == ["#row-study-1.1-again"]


def test_rows_have_addresses_of_their_own():
    page = Page(build.render("Title", [finding(), finding(), finding()]))
    addresses = [attrs["id"] for attrs in page.all("tr") if "id" in attrs]
    assert len(set(addresses)) == 3 and addresses[0] == "row-study-1.1"


def test_the_policy_names_the_script_and_the_style():
    html = build.render("Title", [finding()])
    policy = next(meta["content"] for meta in Page(html).all("meta") if "http-equiv" in meta)
    for tag in ("script", "style"):
        text = re.search(f"<{tag}[^>]*>(.*?)</{tag}>", html, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", [*build.SCRIPTS, *build.STYLES, *live.SCRIPTS, *live.STYLES])
def test_page_files_are_short_and_close_nothing(name):
    text = (resources.files("jaxinterp.report") / "page" / name).read_text()
    assert len(text.splitlines()) <= 400
    assert not re.search("</script|</style|innerHTML|outerHTML|insertAdjacentHTML|document.write|eval", text)


def test_the_scripts_that_are_checked_are_the_pages_in_its_order():
    checked = json.loads((Path(__file__).parent / "page" / "javascript" / "tsconfig.json").read_text())["files"]
    folder = resources.files("jaxinterp.report") / "page"
    assert tuple(Path(name).name for name in checked if name.endswith(".js")) == build.SCRIPTS + live.SCRIPTS
    assert {file.name for file in folder.iterdir() if file.name.endswith(".js")} == {*build.SCRIPTS, *live.SCRIPTS}


def test_diverged_seeds_are_flagged_and_left_out_of_the_accuracy():
    page = Page(build.render("Title", [], history=history()))
    assert "1 of 2 networks diverged" in page.text and "diverged in epoch 2" in page.text
    assert "0.800 ± —" in page.text and "validation" not in page.text


def test_write_replaces_the_page_in_one_step(tmp_path):
    path = tmp_path / "new" / "index.html"
    build.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        build.write(path, "half\ud800")
    assert path.read_text() == "old" and [file.name for file in path.parent.iterdir()] == ["index.html"]
    build.write(path, "néw")
    assert path.read_text(encoding="utf-8") == "néw"


def test_same_figure_same_bytes():
    first, second = (build.render("Title", [], figures=[build.drawn(figure("a line"))]) for _ in range(2))
    assert first == second


def test_figures_load_when_they_are_first_seen():
    shown = [build.drawn(figure("one"))]
    images = Page(build.render("Title", [finding()], figures=shown, history=history())).all("img")
    assert len(images) == 2 and all(image["loading"] == "lazy" for image in images)
