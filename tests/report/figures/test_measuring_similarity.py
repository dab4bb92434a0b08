import numpy as np
from random_records import random_record

from jaxinterp.report.figures import measuring_similarity
from jaxinterp.studies import measuring_similarity as study


def record(seeds=4, **fields):
    return random_record(
        study.Record,
        {"seeds": seeds},
        measures=("cka", "rank_rsa"),
        tests=study.TESTS,
        conditions=study.CONDITIONS,
        recipes=tuple(study.RECIPES),
        **fields,
    )


def test_every_mean_is_said_and_shown():
    values = record()
    right = values.right
    right[1, 1] = np.nan  # a measure that is not asked
    values.accuracy[:, 3] = np.nan
    [figure] = measuring_similarity.figures(values)
    said = figure.get_label()
    assert f"labels cka {right[0, 0, 0].mean():.2f}" in said and "widths rank_rsa" not in said
    assert "3 seeds a group" in said and "untrained" in said
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["true or shuffled labels?", "wide or narrow?", "which layer?"]
    figure.canvas.draw()


def test_two_seeds_are_enough_to_draw():
    [figure] = measuring_similarity.figures(record(seeds=2))
    figure.canvas.draw()
