"""The examples of docs/explain.md that need no server run, and what it says of sizes and limits is so."""

import re

from support import documents

from jaxinterp import data
from jaxinterp.config import DataConfig
from jaxinterp.explanation import prompting
from jaxinterp.explanation.answers import STATUSES, Parameters
from jaxinterp.explanation.asking import Patience
from jaxinterp.explanation.clients import KEY, TIMEOUT
from jaxinterp.explanation.labels import DEAD, FAILED, WAITING
from jaxinterp.questions import explain

DOCUMENT = documents.ROOT / "docs" / "explain.md"
TEXT = " ".join(DOCUMENT.read_text(encoding="utf-8").split())


def test_the_examples_run_and_prompts_are_as_long_as_the_document_says(tmp_path):
    documents.copy_package(tmp_path)
    *_, printed = documents.carry_out(DOCUMENT, tmp_path)
    tokens = [
        int(number.replace(",", ""))
        for number in re.findall(r"of seed 0 *│ *0 *│ *([\d,]+)", (tmp_path / "prompts.txt").read_text())
    ]
    count, total = map(int, re.findall(r"^(\d+) prompts, about (\d+) tokens", printed)[0])
    assert count == len(tokens) and total == sum(tokens) and count > 20
    units = tokens[: count - 3]
    assert 1200 / 1.25 < sum(units) / len(units) < 1200 * 1.25
    assert "a prompt of a unit takes about 1,200 tokens" in TEXT


def test_a_prediction_takes_as_many_tokens_as_the_document_says():
    images = data.load(DataConfig("strokes", train_size=20)).test.images[:5]
    label = "Active for images with a vertical stroke in the middle. Inactive for loops in the lower half."
    tokens = [prompting.of_prediction(label, own, (28, 28, 1), sees=False, subject="").tokens for own in images]
    [said] = re.findall(r"questions of about (\d+) tokens each, and `--read", TEXT)
    assert int(said) / 1.25 < sum(tokens) / len(tokens) < int(said) * 1.25


def test_limits_and_statuses_are_as_the_document_says():
    described = re.findall(
        r"^\| (\w+) \| ", DOCUMENT.read_text(encoding="utf-8").partition("## What comes back")[2], re.MULTILINE
    )
    assert set(described) - {"status"} == {*STATUSES, DEAD, FAILED, WAITING}
    patience = Patience()
    assert (patience.attempts, patience.first, patience.wait, patience.failures, patience.workers) == (6, 1, 300, 3, 4)
    assert TIMEOUT == 300 and f"at {Parameters().tokens:,} tokens" in TEXT and f"`{KEY}`" in TEXT
    assert f"on {explain.SCORED:,} test images" in TEXT
    assert f"over {explain.IMAGES:,} training images" in TEXT and f"`RUN/{explain.ANSWERS}/`" in TEXT
    assert (prompting.EXEMPLARS, prompting.READ) == (3, 3)
