import numpy as np
import pytest

from jaxinterp.errors import InputError
from jaxinterp.explanation import kept
from jaxinterp.explanation.kept import Kept, Read
from jaxinterp.explanation.labels import Label, Labels

SITES = ("hidden0/post", "hidden1/post")


def said(seed, *texts, stopped=""):
    """Labels of two layers of one network."""
    units = [Label(seed, site, unit, text, "answered") for site in SITES for unit, text in enumerate(texts)]
    return Labels(tuple(units), (), (), stopped, ())


def same(found, expected):
    return [
        (own.model, own.labels, {seed: [v.tolist() for v in r] for seed, r in own.read.items()}) for own in found
    ] == expected


READ = Read(np.array([4, 7]), np.array([1, 2]), np.array([3, 3, -1, 0]))
LABELS = {site: ("a", "b") for site in SITES}


def test_what_models_said_is_kept_network_by_network(tmp_path):
    kept.add(tmp_path, "w", "owl", said(3, "a", "b"), {3: READ})
    kept.add(tmp_path, "w", "owl", said(0, "a", "b"), {})
    kept.add(tmp_path, "w", "a/parrot:7", said(3, "x", ""), {})
    parrot = ("a/parrot:7", {3: {site: ("x", "") for site in SITES}}, {})
    assert same(
        kept.read(tmp_path, "w"), [parrot, ("owl", {3: LABELS, 0: LABELS}, {3: [[4, 7], [1, 2], [3, 3, -1, 0]]})]
    )
    assert kept.read(tmp_path, "other weights") == () and len(kept.stored(tmp_path)) == 2


def test_other_labels_are_read_again_and_other_weights_start_again(tmp_path):
    kept.add(tmp_path, "w", "owl", said(3, "a", "b"), {3: READ})
    kept.add(tmp_path, "w", "owl", said(3, "a", "b"), {})
    assert kept.read(tmp_path, "w")[0].read.keys() == {3}
    kept.add(tmp_path, "w", "owl", said(3, "a", "c"), {})
    assert not kept.read(tmp_path, "w")[0].read
    kept.add(tmp_path, "v", "owl", said(1, "a", "b"), {})
    assert [own.labels for own in kept.read(tmp_path, "v")] == [{1: LABELS}]


def test_unfinished_labels_are_not_kept(tmp_path):
    kept.add(tmp_path, "w", "owl", said(0, "a", stopped="a budget"), {})
    assert kept.read(tmp_path, "w") == () and not list(tmp_path.iterdir())


def test_a_damaged_file_is_named(tmp_path):
    kept.add(tmp_path, "w", "owl", said(0, "a"), {})
    [file] = kept.stored(tmp_path)
    for content in ("{", "{}", '{"model": "owl", "networks": "w", "labels": 3, "read": {}}'):
        file.write_text(content)
        with pytest.raises(InputError, match=f"{file.name} is missing or damaged"):
            kept.read(tmp_path, "w")
    assert Kept("owl", {}, {}).model == "owl"
