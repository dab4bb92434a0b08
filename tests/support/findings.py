"""Findings made by hand, for tests of what shows them."""

import numpy as np
import xarray as xr

from jaxinterp.stats import Estimate
from jaxinterp.studies import Answer, runner
from jaxinterp.studies.judge import Finding, Rule
from jaxinterp.studies.study import NETWORKS
from jaxinterp.train import SPLITS

ESTIMATE = Estimate(-0.5, 0.1, -0.7, -0.3, 8)
UNKNOWN = Estimate(*[float("nan")] * 4, 0)


def finding(**fields):
    """A finding of row 1.1 of "study" whose every estimate is ESTIMATE, but for the given fields."""
    defaults = {
        "study": "study",
        "row": "1.1",
        "name": "",
        "text": "text",
        "published": "—",
        "rule": Rule(low=0.5),
        "scored": "a score",
        "measured": ESTIMATE,
        "control": ESTIMATE,
        "control_name": "null",
        "score": ESTIMATE,
        "joint": fields.get("score", ESTIMATE),
    }
    return Finding(**defaults | fields)


def answer(study, findings=(), sentence="Yes."):
    """A study's answer of a few networks, without measurements."""
    accuracy = np.full((1, 4, len(SPLITS)), 0.9)
    diverged = np.zeros((1, 4))
    networks = xr.Dataset(
        {"accuracy": (("recipes", "seeds", "splits"), accuracy), "diverged": (("recipes", "seeds"), diverged)},
        {"recipes": [study.own], "splits": list(SPLITS)},
    )
    return Answer(study, sentence, list(findings), {NETWORKS: networks})


def judged(study, results, *topics):
    """The findings of a study's topics (all of them by default) on results, by id."""
    claims = [claim for topic in topics or study.claims for claim in topic(results)]
    found = runner.findings(study, claims, results)
    return {finding.id: finding for finding in found}
