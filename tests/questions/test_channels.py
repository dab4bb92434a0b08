"""The questions of convolutional networks: channels with planted roles, images that are not square, named classes."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from support import planted_cnn
from support.planted_cnn import DEAD, DEFAULT, NAMES, ORDER

import jaxinterp
from jaxinterp import networks
from jaxinterp.errors import InputError
from jaxinterp.questions import ablate, compare, subject, units
from jaxinterp.questions.compare import MEASURES, SAME_SEED
from jaxinterp.report import answers

SEEN = [label for label in range(len(NAMES)) if label != DEFAULT]


@pytest.fixture(scope="module")
def run():
    """The planted network, and the same with its channels in another order."""
    own = planted_cnn.network()
    return planted_cnn.run(own, planted_cnn.network(ORDER))


@pytest.fixture(scope="module")
def found(run):
    return units.answer(run, count_facets=True)


def of(found, seed, layer):
    return found.frame[(found.frame.seed == seed) & (found.frame.layer == layer)].set_index("unit")


def test_the_channel_that_detects_a_class_is_the_most_selective_and_the_most_damaging(found):
    own = of(found, 0, "conv0")
    for label in SEEN:
        assert own.loc[label, "class"] == own.loc[label, "damage_zero_class"] == label
        assert own.loc[label].auc == own.loc[label].damage_zero == 1
    assert (own.loc[[DEFAULT, DEAD], "damage_zero"] == 0).all() and own.loc[DEFAULT].auc == 1
    assert own.loc[DEAD].dead and own.loc[DEAD].auc == 0.5 and not own.loc[SEEN].dead.any()
    most = own.sort_values("damage_zero_total", ascending=False).index[: len(SEEN)]
    assert sorted(most) == SEEN


def test_permuting_channels_permutes_rows(found):
    own, other = of(found, 0, "conv0"), of(found, 1, "conv0")
    for name in ("mean", "active", "auc", "damage_zero", "damage_mean", "participation", "largest"):
        np.testing.assert_allclose(other[name], own.loc[ORDER][name], atol=1e-5, err_msg=name)
    assert (own.loc[[0, 1, 2]].universality == 1).all()


def test_images_need_not_be_square_for_maps(found):
    own = of(found, 0, "hidden0")
    assert np.isfinite(own.participation).all() and (own.largest > 0).all()


def test_a_channels_mean_is_that_of_its_map(run, found):
    maps = planted_cnn.network()(run.test.images)[1]["conv0/post"]
    np.testing.assert_allclose(of(found, 0, "conv0")["mean"], np.mean(maps, axis=(0, 1, 2)), atol=1e-6)


def test_tables_name_classes_and_say_what_a_channels_activation_is(run, found):
    table = answers.units_table(found)
    [row] = [row for row in table.values if (row["seed"], row["layer"], row["unit"]) == (0, "conv0", 0)]
    assert row["class"] == row["damage_zero_class"] == "red" and found.classes == NAMES
    cells = dict(zip(table.columns, table.cells[table.values.index(row)], strict=True))
    assert cells["class"] == "red" and cells["damage zero"].startswith("1.000 of red\n") and cells["facets"] == "—"
    group = ablate.answer(run, "conv0:0")
    shown = [table, answers.ablation_table(group), answers.likeness_table(compare.answer([run]))]
    assert all(subject.MEAN_OVER_MAP in own.caption.splitlines() for own in shown)
    assert all(subject.ABLATED_MAP in own.caption.splitlines() for own in shown[:2])
    assert [cells[0] for cells in shown[1].cells] == ["all", *NAMES]
    assert not {subject.MEAN_OVER_MAP, subject.ABLATED_MAP} & set(ablate.answer(run, "hidden0:0").notes)


def test_the_page_says_it_in_the_same_words():
    page = (Path(jaxinterp.__file__).parent / "report" / "page" / "card.js").read_text(encoding="utf-8")
    assert subject.MEAN_OVER_MAP.capitalize() in page


def test_neurons_behind_convolutions_have_facets(found):
    # A sum of channels that each see other pixels: the image of the highest gain has all of them, and no other is as
    # good without a pixel in common.
    own = found.frame.set_index("layer").facets
    assert (own.loc["hidden0"] == 1).all() and own.loc["conv0"].isna().all()
    assert "no facets of channels: a channel has a value" in found.notes[-1]


@pytest.mark.parametrize(
    ("widths", "layer", "words"),
    [
        ((3,), "conv0", "no facets of conv0: a channel has a value at each position of its map.*--layer.*hidden0$"),
        ((), None, "no facets of conv0: a channel has a value .*; leave out --facets$"),
    ],
)
def test_facets_of_channels_are_refused_before_anything_is_measured(monkeypatch, widths, layer, words):
    monkeypatch.setattr(units, "measure", lambda *_, **__: pytest.fail("it was measured"))
    kind = dataclasses.replace(planted_cnn.MODEL, widths=widths)
    own = networks.init(jax.random.key(0), networks.build(kind), planted_cnn.data().images.shape[1])
    with pytest.raises(InputError, match=words):
        units.answer(planted_cnn.run(own), count_facets=True, layer=layer)


def test_without_a_channel_its_class_is_lost(run):
    for label in SEEN:
        found = ablate.answer(run, f"conv0:{label}", kind="zero")
        np.testing.assert_allclose(found.damage[0, 1:], np.arange(len(NAMES)) == label)
        assert found.damage[0, 0] == pytest.approx(1 / len(NAMES))
    both = ablate.answer(run, "conv0:0,1", kind="zero")
    np.testing.assert_allclose(both.accuracies.without[0], [1 / 3, 0, 0, 1], atol=1e-6)
    assert (ablate.answer(run, f"conv0:{DEAD}", kind="resample").damage[0] == 0).all()


def test_a_network_and_its_twin_with_permuted_channels_are_the_same(run):
    own, twin = (
        planted_cnn.run(network, path=str(place))
        for place, network in enumerate((planted_cnn.network(), planted_cnn.network(ORDER)))
    )
    found = compare.answer([own, twin])
    assert {row.layer for row in found.likeness} == {"conv0", "hidden0", "logits"}
    for row in found.likeness:
        assert row.pairs == SAME_SEED and row.observed.mean == pytest.approx(1, abs=1e-4), (row.layer, row.measure)
    assert {row.measure for row in found.likeness} == set(MEASURES)
    assert found.notes.count(subject.MEAN_OVER_MAP) == 1
    assert found.accuracies[1].difference.mean == 0
