import sys

import numpy as np
import pytest

from jaxinterp.analysis import projection
from jaxinterp.analysis.projection import embeddings
from jaxinterp.errors import InputError

LABELS = np.arange(90) % 3
BLOBS = np.float32(np.random.default_rng(0).normal(size=(90, 5)) + 20 * np.eye(3, 5)[LABELS])


@pytest.mark.parametrize(("name", "module"), [("t-SNE", "openTSNE"), ("UMAP", "umap")])
def test_without_the_library_the_message_names_the_extra(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=r"which is not installed: pip install 'jaxinterp\[projection\]'"):
        projection.METHODS[name](BLOBS, seed=0, **SMALL[name])


SMALL = {"t-SNE": {"perplexity": 10}, "UMAP": {"neighbours": 10}}


@pytest.mark.parametrize("name", projection.METHODS)
def test_what_has_no_picture_is_refused_before_a_library_is_loaded(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    monkeypatch.setitem(sys.modules, "umap", None)
    draw = projection.METHODS[name]
    with pytest.raises(projection.UndrawableError, match="all 90 examples have the same activations: a dead layer"):
        draw(np.ones_like(BLOBS), seed=0, **SMALL[name])
    with pytest.raises(projection.UndrawableError, match="must be finite"):
        draw(BLOBS * np.nan, seed=0, **SMALL[name])
    few = {"t-SNE": "perplexity 10 for 20 examples: use more than 1 and at most 6.33", "UMAP": "use at most 8"}
    with pytest.raises(projection.UndrawableError, match=few[name]):
        draw(BLOBS[:20] if name == "t-SNE" else BLOBS[:9], seed=0, **SMALL[name])


def test_what_is_installed_is_found_without_loading_it(monkeypatch):
    monkeypatch.setattr(embeddings, "find_spec", lambda module: "found" if module == "umap" else None)
    assert projection.installed() == ("UMAP",)


@pytest.mark.filterwarnings("ignore:Tensorflow not installed:ImportWarning")
@pytest.mark.parametrize("name", projection.METHODS)
def test_blobs_stay_apart_and_equal_seeds_draw_equal_pictures(name):
    if name not in projection.installed():
        pytest.skip(f"the extra projection, with {name}'s library, is not installed")
    points = BLOBS.copy()
    points[:2] = points[2]
    draw = projection.METHODS[name]
    first, again, other = (draw(points, seed=seed, **SMALL[name]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (90, 2) and np.isfinite(first).all() and not np.allclose(first, other)
    assert projection.trustworthiness(points, first) > 0.9
    assert 0.3 < projection.neighbour_overlap(first, other) < 1
