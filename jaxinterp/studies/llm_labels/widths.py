"""How accurate are networks with one hidden layer of six neurons, and how many neurons are alive? Row 2.2.

The write-up reports one such network: 63.05 % of the test images right, four neurons dead.
"""

from functools import partial

import numpy as np
import xarray as xr

from jaxinterp.stats import LEVEL, SHARE, RankCorrelation, indicator, permuted_spearman
from jaxinterp.studies.inputs import UNTRAINED
from jaxinterp.studies.judge import Claim, above, between
from jaxinterp.studies.llm_labels.neurons import SIX, TWELVE, WIDTHS, accuracy, alive, dead_on, selected, width
from jaxinterp.studies.scores import Difference, ShareBelow
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number, mean

PUBLISHED_ACCURACY, PUBLISHED_DEAD = 0.6305, 4
USUAL = 0.05  # the middle nine tenths of the networks are usual
LEAST_DEAD, MOST_DEAD = 3.5 / 6, 4.5 / 6  # nearer to four of six than to three or to five
STRONG = 0.5  # a correlation that explains at least a quarter of the variance of ranks
_DRAWS = 200

_claim = partial(Claim, row="2.2")


def as_published(results: Results) -> xr.DataArray:
    """Whether each network of six has as many dead neurons as the published one."""
    return alive(results, SIX) == width(results, SIX) - PUBLISHED_DEAD


def beyond_live(results: Results) -> xr.DataArray:
    """Each wider network's accuracy less the mean of the narrower ones with as many live neurons; NaN without any."""
    count, reached = (values(results, SIX).rename(seeds="narrow") for values in (alive, accuracy))
    return accuracy(results, TWELVE) - reached.where(count == alive(results, TWELVE)).mean("narrow")


def rank_correlation(results: Results, recipe: str) -> RankCorrelation:
    """Live neurons and test accuracy of each network."""
    return RankCorrelation(alive(results, recipe).to_numpy(), accuracy(results, recipe).to_numpy())


def claims(results: Results) -> list[Claim]:
    """Row 2.2."""
    on_test, on_train = (dead_on(results, split) for split in ("test", "train"))
    alike = indicator(as_published(results), alive(results, SIX))
    return [
        _accuracy(results),
        _claim(
            name="dead",
            text="Four neurons of six are dead",
            published=f"{PUBLISHED_DEAD} of 6",
            bounds=SHARE,
            quantity="share of neurons",
            measured=selected(on_test),
            controls={UNTRAINED: selected(on_test, SIX, UNTRAINED)},
            rule=between(LEAST_DEAD, MOST_DEAD),
            shown={"twelve neurons": selected(on_test, TWELVE)},
            note=f"Dead: active on no test image. Networks with {PUBLISHED_DEAD} dead: {mean(alike, 2)}. "
            f"Active on no training image: {mean(selected(on_train))}.",
        ),
        _live(results),
        _claim(
            name="width",
            text="Networks of twelve neurons are more accurate than networks of six",
            bounds=SHARE,
            quantity="test accuracy",
            measured=accuracy(results, TWELVE),
            controls={"six neurons": accuracy(results, SIX)},
            rule=above(0.0),
            score=Difference(),
            shown={
                "live neurons of six": alive(results, SIX),
                "live neurons of twelve": alive(results, TWELVE),
                "gain over networks of six with as many live neurons": beyond_live(results),
            },
            note="Seed i of one width is compared with seed i of the other: they see the same batches.",
            recipes=WIDTHS,
        ),
    ]


def _accuracy(results: Results) -> Claim:
    own, count, alike = accuracy(results, SIX), alive(results, SIX), as_published(results)
    below = indicator(own < PUBLISHED_ACCURACY, own).where(alike)
    numbers = np.unique(count.dropna("seeds")).astype(int)
    ends = f"{format_number(float(own.min()), 3)} to {format_number(float(own.max()), 3)}"
    return _claim(
        name="accuracy",
        text="The published network is typical: its accuracy lies in the middle nine tenths of ours",
        published=f"{100 * PUBLISHED_ACCURACY:.2f} %, one network",
        bounds=SHARE,
        quantity="our networks' test accuracies",
        measured=own,
        controls={"twelve neurons": accuracy(results, TWELVE)},
        rule=between(USUAL, 1 - USUAL),
        score=ShareBelow(PUBLISHED_ACCURACY),
        shown={f"with {k} live neurons": own.where(count == k) for k in numbers},
        note=f"Test accuracy, from {ends}. Of the {int(alike.sum())} networks with as many dead neurons as the "
        f"published one, share below its accuracy: {mean(below, 2)}.",
    )


def _live(results: Results) -> Claim:
    own = rank_correlation(results, SIX)
    null = permuted_spearman(*own, draws=_DRAWS)
    low, high = (format_number(float(end)) for end in np.quantile(null, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)))
    return _claim(
        name="live",
        text="The more neurons are alive, the better the network: rank correlation over networks of six",
        quantity="Spearman's correlation of the number of live neurons with test accuracy",
        measured=own,
        controls={"live neurons permuted": xr.DataArray(null, dims="samples")},
        rule=above(STRONG),
        shown={"networks of twelve": rank_correlation(results, TWELVE)},
        note=f"Interval by Fisher's z over networks. The control is the mean of {_DRAWS} permutations, of which "
        f"the middle {100 * LEVEL:g} % lie from {low} to {high}.",
    )
