import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.one_vs_seven import findings, network, plant, results, verdict

from jaxinterp.analysis.strokes import rows
from jaxinterp.data import Dataset
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.one_vs_seven import edits
from jaxinterp.studies.one_vs_seven.edits import BAR, BLANK, CONTROL, DRAWN, EDITED, EDITS, FULL, HIGH, REAL, ROWS

STEM = rows(28, 4, 24, columns=(12, 16))


@pytest.fixture(scope="module")
def images():
    """Four 1s, a stem, and three 7s, a stem with a bar of its own width."""
    sevens = [STEM | rows(28, 4, 6, columns=(0, 8 + 2 * width)) for width in range(3)]
    return Dataset(np.array([*4 * [STEM], *sevens], np.float32), np.array([1, 1, 1, 1, 7, 7, 7], np.int32))


@pytest.fixture(scope="module")
def made(images):
    return edits.make_edits(jax.random.key(0), images)


def test_an_edit_changes_its_stroke_and_its_control_as_much_ink(made):
    assert tuple(made) == EDITS
    np.testing.assert_array_equal(made[FULL].edited != made[FULL].before, np.tile(rows(28, 5, 5) & ~STEM, (4, 1)))
    assert not made[BAR].edited[:, rows(28, 0, 6, columns=(0, 11))].any()
    for name in (FULL, REAL, BAR):
        ink = [np.sum(made[name].edited - made[name].before), np.sum(made[name].control - made[name].before)]
        assert ink[0] == pytest.approx(ink[1], rel=1e-3) and abs(ink[0]) > 1, name
    assert made[DRAWN].before is None and len(made[DRAWN].control) == edits.CONTROL_DRAWS
    assert not made[BLANK].edited.any() and np.isnan(made["1"].control).all()


def test_a_network_that_looks_for_a_bar_reads_every_edit_by_it(made):
    """The logit of 7 is the ink at the left of row 5, that of 1 is always 2."""
    kernel = np.stack([rows(28, 5, 5, columns=(0, 8))], axis=1).astype(float)
    output = np.zeros((1, 10))
    output[0, 7] = 1
    reader = network((kernel, np.zeros(1)), (output, 2.0 * (np.arange(10) == 1)))
    found = jax.jit(edits.read_edits)(reader, made)
    as_one = dict(zip(EDITS, np.asarray(found.as_one[0]), strict=True))
    assert as_one == {name: float(name in ("1", BLANK)) for name in EDITS} | {
        BAR: 1.0,
        ROWS: 1.0,
    }
    np.testing.assert_allclose(found.logits[0, EDITS.index(FULL)], [2, 9])
    np.testing.assert_allclose(found.probability[0, EDITS.index(BLANK)], jax.nn.sigmoid(2.0), rtol=1e-6)
    assert np.isnan(found.as_one[1, EDITS.index("1")]) and np.isfinite(found.as_one[1, EDITS.index(FULL)])
    blank = edits.read(reader, made[BLANK].edited)
    np.testing.assert_allclose(blank.logits, [2, 0])
    halfway = jnp.stack([made["1"].edited[:3], made["7"].edited])[:, None]
    np.testing.assert_array_equal(edits.read_blends(reader, halfway).as_seven, [[0], [1]])


@pytest.mark.parametrize("name", [FULL, edits.TRIMMED, edits.THREE, REAL])
def test_a_one_stays_a_one_or_not(name):
    for level, expected in ((0.9, "holds"), (0.1, "does not hold")):
        values = plant(results(), "edits", "as_one", level, edits=name, versions=EDITED)
        assert verdict(values, f"1.1 {name}") == expected


@pytest.mark.parametrize(
    ("id_", "field", "edit", "version", "yes", "no"),
    [
        ("1.2 bar and stem", "probability", DRAWN, EDITED, 0.6, 0.4),
        ("1.2 high bar and stem", "probability", HIGH, EDITED, 0.6, 0.4),
        ("1.3 top bar removed", "as_one", BAR, EDITED, 0.1, 0.9),
        ("1.4 default", "probability", DRAWN, CONTROL, 0.9, 0.1),
        ("1.5 rows 0–14", "ambiguous", ROWS, EDITED, 0.9, 0.1),
    ],
)
def test_what_is_read_as_a_one(id_, field, edit, version, yes, no):
    for level, expected in ((yes, "holds"), (no, "does not hold")):
        assert verdict(plant(results(), "edits", field, level, edits=edit, versions=version), id_) == expected


def test_the_blank_image_is_compared_with_untrained_networks():
    for level, expected in ((0.6, "holds"), (0.4, "does not hold")):
        values = plant(results(), "blank", "probability", level, conditions=TRAINED)
        found = findings(values)["1.4 blank"]
        assert found.verdict == expected and found.score.mean == pytest.approx(2 * level - 1)
        assert found.control_name == "untrained networks"


def test_published_numbers_are_quoted():
    found = findings(results())
    assert found["1.1 full bar"].published == "logits of 1 and 7: 9.06 / 1.31"
    assert found["1.1 a real 7's bar"].published == "—"
