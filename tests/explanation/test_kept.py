import json

import jax
import numpy as np
import pytest
from support import planted, planted_runs

from jaxinterp.errors import InputError
from jaxinterp.explanation import kept
from jaxinterp.explanation.kept import Kept, Predicted, Read
from jaxinterp.explanation.labels import Label, Labels

V, W = (planted.network(), planted_runs.permuted(planted.network()))
SITES = ("hidden0/post", "hidden1/post")


def said(seed, *texts, stopped=""):
    """Labels of two layers of one network."""
    units = [Label(seed, site, unit, text, "answered") for site in SITES for unit, text in enumerate(texts)]
    return Labels(tuple(units), (), (), stopped, ())


def as_lists(found):
    return [jax.tree.map(lambda leaf: leaf.tolist() if isinstance(leaf, np.ndarray) else leaf, own) for own in found]


READ = Read(np.array([4, 7]), np.array([1, 2]), {"one": np.array([3, 3, -1, 0]), "other": np.array([1, 2, 3, 4])})
PREDICTED = Predicted(np.array([0, 9]), {site: np.array([[1.5, 2.0], [0.0, 10.0]]) for site in SITES})
LABELS = {site: ("a", "b") for site in SITES}


def test_what_models_said_is_kept_network_by_network(tmp_path):
    kept.add(tmp_path, W, "owl", said(3, "a", "b"), {3: READ}, {3: PREDICTED})
    kept.add(tmp_path, W, "owl", said(0, "a", "b"), {}, {})
    kept.add(tmp_path, W, "a/parrot:7", said(3, "x", ""), {}, {})
    parrot = Kept("a/parrot:7", {3: {site: ("x", "") for site in SITES}}, {}, {})
    owl = Kept("owl", {3: LABELS, 0: LABELS}, {3: READ}, {3: PREDICTED})
    assert as_lists(kept.read(tmp_path, W)) == as_lists([parrot, owl])
    assert kept.read(tmp_path, V) == () and len(kept.stored(tmp_path)) == 2


def test_other_labels_are_read_again_and_other_weights_start_again(tmp_path):
    kept.add(tmp_path, W, "owl", said(3, "a", "b"), {3: READ}, {3: PREDICTED})
    kept.add(tmp_path, W, "owl", said(3, "a", "b"), {}, {})
    [own] = kept.read(tmp_path, W)
    assert own.read.keys() == own.predicted.keys() == {3}
    kept.add(tmp_path, W, "owl", said(3, "a", "c"), {}, {})
    [own] = kept.read(tmp_path, W)
    assert not own.read and not own.predicted
    kept.add(tmp_path, V, "owl", said(1, "a", "b"), {}, {})
    assert [own.labels for own in kept.read(tmp_path, V)] == [{1: LABELS}]


def test_unfinished_labels_are_not_kept(tmp_path):
    kept.add(tmp_path, W, "owl", said(0, "a", stopped="a budget"), {}, {})
    assert kept.read(tmp_path, W) == () and not list(tmp_path.iterdir())


def test_a_damaged_file_is_named(tmp_path):
    kept.add(tmp_path, W, "owl", said(0, "a"), {}, {})
    [file] = kept.stored(tmp_path)
    wrong = json.dumps(json.loads(file.read_text()) | {"labels": 3})
    for content in ("{", "{}", wrong):
        file.write_text(content)
        with pytest.raises(InputError, match=f"{file.name} is missing or damaged"):
            kept.read(tmp_path, W)
