import dataclasses
import html.parser

import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxinterp.config import RunConfig
from jaxinterp.report import build
from jaxinterp.stats import Estimate
from jaxinterp.studies import Claim, Control, Finding, Rule
from jaxinterp.train import History

HOSTILE = """<script>alert(1)</script>"'&</style><img src=x onerror=alert(1)>"""
NAN = float("nan")


def finding(text="text", score=(0.6, 0.05, 0.55, 0.65, 8), note=""):
    claim = Claim("study", "1.1", text, "—", Rule("a score", low=0.5))
    other = Control("another null", Estimate(0.1, 0.02, 0.05, 0.15, 8))
    return Finding(claim, Estimate(0.8, 0.1, 0.7, 0.9, 8), other.estimate, "null", Estimate(*score), (other,), note)


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
        if tag not in ("meta", "link", "br", "img"):
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
    findings = [finding(HOSTILE, note=HOSTILE)]
    page = Page(build.render(HOSTILE, findings, figures=[figure(HOSTILE)], history=history(), config=config))
    assert not page.all("script") and page.text.count(HOSTILE) == 5  # title, heading, claim, note, configuration
    assert [image["alt"] for image in page.all("img")] == [HOSTILE]
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)


def test_page_needs_nothing_but_itself():
    page = Page(build.render("Title", [finding()], figures=[figure("a line")], history=history(), config=RunConfig()))
    sources = [attrs[name] for _, attrs in page.tags for name in ("src", "href") if name in attrs]
    assert sources and all(source.startswith("data:") for source in sources)
    assert {"viewport", "color-scheme"} <= {meta.get("name") for meta in page.all("meta")}
    assert all(image["alt"] for image in page.all("img"))


def test_page_shows_the_finding_its_rule_and_its_controls():
    page = Page(build.render("Title", [finding()]))
    for words in ("0.800 ± 0.100", "[0.700, 0.900]", "0.100 (null)", "another null", "above 0.5", "holds: 1"):
        assert words in page.text
    assert len(page.all("circle")) == 1


@pytest.mark.parametrize("score", [(NAN, NAN, NAN, NAN, 0), (-3.0, 1.0, -4.0, -2.0, 8), (5.0, 1.0, 4.0, 6.0, 8)])
def test_every_score_can_be_drawn(score):
    page = Page(build.render("Title", [finding(score=score)]))
    drawn = [float(attrs[name]) for _, attrs in page.tags for name in ("x", "x1", "x2", "cx") if name in attrs]
    assert all(0 <= value <= 100 for value in drawn)


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
    first, second = (build.render("Title", [], figures=[figure("a line")]) for _ in range(2))
    assert first == second
