import dataclasses
import re
from datetime import datetime
from pathlib import Path

import jax
import numpy as np
import pytest
from support.toys import TOY

from jaxinterp import networks, train
from jaxinterp.config import ModelConfig
from jaxinterp.epoch import EpochMetrics, started
from jaxinterp.networks import Network
from jaxinterp.report import live

NOW = datetime(2026, 1, 2, 3, 4, 5)


def checkpoint(trained, epoch=2, variables=None, diverged=(0, 0, 0, 0, 0), stopped=(0, 0, 0, 0, 0)):
    """What training of the toy run hands over after an epoch."""
    variables = trained.networks.variables if variables is None else variables
    hyperparameters = train.hyperparameters_of([(TOY.train, ())])
    state = jax.vmap(lambda own, rates: started(own, TOY.train, rates))(variables, hyperparameters)
    state = state._replace(diverged=np.array(diverged), stopped=np.array(stopped))
    metrics = EpochMetrics(*(np.array(values) for values in trained.history[:3]))
    return train.Checkpoint(epoch, state, metrics, {})


def rendered(progress, ended=False):
    return live.render("toy", Path("checkpoints/toy"), TOY, progress, NOW, ended=ended)


def test_a_page_of_a_training_says_how_far_it_is_and_loads_itself_again(trained):
    progress = live.progress_of(checkpoint(trained), TOY)._replace(left=75.0, each=40.0)
    page = rendered(progress)
    for text in ("Epoch 2 of 3", "At most 75 s left", "Written at 03:04:05", '<progress value="2" max="3"'):
        assert text in page
    assert "jaxinterp train --resume checkpoints/toy --live" in page and "Training has ended" not in page
    assert f'data-stamp="{int(NOW.timestamp() * 1000)}" data-wait="3000" data-patience="400000"' in page
    accuracy = np.asarray(trained.history.accuracy)[:, 1, 2]
    assert f"{accuracy.mean():.3f} ± {accuracy.std(ddof=1):.3f}" in page
    assert page.count("<figure>") == 8  # of a layer of eight units
    assert not re.search("https?://(?!www.w3.org)", page)


def test_when_training_has_ended_it_says_so_and_stays(trained):
    page = rendered(live.progress_of(checkpoint(trained, 3), TOY), ended=True)
    assert "Training has ended" in page and "jaxinterp report checkpoints/toy" in page
    assert "<button" not in page and "--resume" not in page


def test_networks_that_diverged_stopped_or_train_elsewhere_are_told(trained):
    state = checkpoint(trained, diverged=(0, 2, 0, 0, 0), stopped=(1, 0, 1, 0, 0))
    state.metrics.accuracy[1] = 77  # of the diverged one
    page = rendered(live.progress_of(state, TOY)._replace(seeds=12))
    assert "5 networks, of 12: other processes train the others, 1 diverged and left out, 2 stopped early" in page
    kept = np.asarray(trained.history.accuracy)[[0, 2, 3, 4], 1, 2]
    assert f"{kept.mean():.3f} ± {kept.std(ddof=1):.3f}" in page


@pytest.mark.parametrize(
    ("model", "pixels", "shape"),
    [
        (ModelConfig((3,), outputs=2), 49, (7, 7, 1)),
        (ModelConfig((3,), outputs=2), 10, None),
        (ModelConfig((20,), outputs=2, image_shape=(2, 3, 3)), 18, (2, 3, 3)),
        (ModelConfig((), outputs=2), 49, None),
        (ModelConfig((3,), outputs=2, channels=(4,), kernel_size=(3,), image_shape=(8, 8, 3)), 192, (3, 3, 3)),
    ],
)
def test_weights_are_pictures_where_images_have_rows_and_columns(trained, key, model, pixels, shape):
    module = networks.build(model)
    drawn = jax.vmap(lambda key: networks.init(key, module, pixels).variables)(jax.random.split(key, 5))
    config = dataclasses.replace(TOY, model=model)
    progress = live.progress_of(checkpoint(trained, variables=drawn), config)
    assert progress.shape == shape
    assert rendered(progress).count("<figure>") == (min(module.layers[0].units, live.UNITS) if shape else 0)
    if shape == (3, 3, 3):  # the filters themselves
        first = jax.tree.map(lambda leaf: leaf[0], drawn)
        filters = networks.filters(Network(module, first), module.layers[0])
        assert np.array_equal(progress.maps.reshape(4, *shape), filters)


def test_a_page_is_written_at_once_then_every_few_seconds_and_at_the_end(trained, tmp_path, monkeypatch):
    clock, said, page = [100.0], [], tmp_path / "report" / "live.html"
    monkeypatch.setattr(live.time, "monotonic", lambda: clock[0])
    seen = []
    with live.page(tmp_path, TOY, said.append) as update:
        for epoch, later in ((1, 0.0), (2, live.SECONDS - 0.1), (3, live.SECONDS)):
            clock[0] = 100 + later
            update(checkpoint(trained, epoch))
            seen.append(re.search(r"Epoch \d of 3|ended", page.read_text()).group())
    assert seen == ["Epoch 1 of 3", "Epoch 1 of 3", "Epoch 3 of 3"]
    assert "Training has ended" in page.read_text()
    assert said == [page]


def test_a_training_that_fails_leaves_a_page_that_says_how_to_go_on(trained, tmp_path):
    with pytest.raises(KeyboardInterrupt), live.page(tmp_path, TOY) as update:
        update(checkpoint(trained, 1))
        raise KeyboardInterrupt
    page = (tmp_path / "report" / "live.html").read_text()
    assert "Training has ended" not in page and "--resume" in page


def test_a_run_that_was_complete_gets_no_page(tmp_path):
    with live.page(tmp_path, TOY):
        pass
    assert not list(tmp_path.iterdir())
