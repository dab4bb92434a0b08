import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.toys import random_splits

from jaxinterp import data, ensemble, epoch, networks, train
from jaxinterp.config import DataConfig, ModelConfig, TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.errors import InputError


def numpy_sgd(params, images, labels, orders, config):
    """Plain NumPy training of a two-layer ReLU network by cross-entropy, with momentum, weight decay and L1."""
    w0, b0, w1, b1 = (np.float64(part) for part in params)
    trace = [np.zeros_like(part) for part in (w0, b0, w1, b1)]
    losses = []
    for order in orders:
        total = 0.0
        for first in range(0, len(order), config.batch_size):
            index = order[first : first + config.batch_size]
            x, y = images[index], labels[index]
            pre = x @ w0 + b0
            hidden = np.maximum(pre, 0)
            logits = hidden @ w1 + b1
            p = np.exp(logits - logits.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            total -= np.log(p[np.arange(len(y)), y]).sum()
            d = (p - np.eye(p.shape[1])[y]) / len(y)
            dh = (d @ w1.T) * (pre > 0)
            gradients = [x.T @ dh, dh.sum(0), hidden.T @ d, d.sum(0)]
            gradients[0] += config.l1 * np.sign(w0)
            gradients[2] += config.l1 * np.sign(w1)
            for number, part in enumerate((w0, b0, w1, b1)):
                gradient = gradients[number] + config.weight_decay * part
                momentum = config.momentum if config.optimizer == "momentum" else 0.0
                trace[number] = gradient + momentum * trace[number]
                part -= config.learning_rate * trace[number]
        losses.append(total / len(order))
    return (w0, b0, w1, b1), losses


def test_seeds_have_their_own_order_by_default_and_one_where_it_is_shared():
    keys = ensemble.keys(0, 2)
    own = [np.asarray(epoch.data_order(TrainConfig(), 1, key, 50)) for key in keys]
    assert (own[0] != own[1]).any()
    shared = [np.asarray(epoch.data_order(TrainConfig(data_order="shared"), 1, key, 50)) for key in keys]
    np.testing.assert_array_equal(shared[0], shared[1])
    other = epoch.data_order(TrainConfig(data_order="shared", base_seed=1), 1, keys[0], 50)
    assert (other != shared[0]).any()


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_the_optimizers_epsilon_is_the_configs(optimizer):
    # The first step of Adam is rate · g/(|g| + ε), since both running means are corrected to g and g².
    config = TrainConfig(optimizer=optimizer, optimizer_epsilon=0.5, learning_rate=0.1)
    rates = jax.tree.map(lambda leaf: leaf[0], epoch.hyperparameters_of([(config, ())]))
    rule, gradient = epoch.optimizer(config, rates), jnp.array([0.5, -1.5])
    step, _ = rule.update(gradient, rule.init(gradient), jnp.zeros(2))
    np.testing.assert_allclose(np.asarray(step), [-0.05, 0.075], rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum"])
@pytest.mark.parametrize(("l1", "weight_decay"), [(0.0, 0.0), (0.003, 0.02)])
def test_training_is_numpy_sgd_step_by_step(optimizer, l1, weight_decay):
    splits, model = random_splits(), networks.build(ModelConfig((5,), 3))
    # 50 images in batches of 8: the last batch of every epoch is smaller, as in PyTorch's loader.
    config = TrainConfig(
        seeds=2, epochs=4, batch_size=8, optimizer=optimizer, learning_rate=0.3, l1=l1, weight_decay=weight_decay
    )
    result = train.fit_ensemble(model, splits, config)
    for seed, key in enumerate(ensemble.keys(0, 2)):
        orders = [np.asarray(epoch.data_order(config, number, key, 50)) for number in range(1, 5)]
        assert all(sorted(order) == list(range(50)) for order in orders)
        start = networks.init(key, model, 6).variables["params"]
        flat = [start[layer][part] for layer in ("hidden0", "output") for part in ("kernel", "bias")]
        expected, losses = numpy_sgd(flat, splits.train.images, splits.train.labels, orders, config)
        found = ensemble.take(result.networks, seed).variables["params"]
        flat = [found[layer][part] for layer in ("hidden0", "output") for part in ("kernel", "bias")]
        for ours, theirs in zip(flat, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
        np.testing.assert_allclose(result.history.loss[seed, :, 0], losses, rtol=1e-5)


def test_l1_moves_every_kernel_of_a_convolutional_network_by_its_sign():
    """One step on all images from the same weights, with and without L1, differs by rate · l1 · sign(kernel) alone."""
    splits = random_splits()
    model = networks.build(ModelConfig((4,), 3, channels=(2,), padding=(1,), pool_size=(1,), image_shape=(2, 3, 1)))
    config = TrainConfig(seeds=2, epochs=1, batch_size=50, optimizer="sgd", learning_rate=0.5)
    plain, penalised = (
        train.fit_ensemble(model, splits, dataclasses.replace(config, l1=l1)).networks for l1 in (0.0, 0.1)
    )
    start = jax.vmap(lambda key: networks.init(key, model, 6))(ensemble.keys(0, 2))
    trees = (network.variables["params"] for network in (plain, penalised, start))
    for parts in zip(*map(dict.items, trees), strict=True):
        (name, without), (_, penalised), (_, before) = parts
        moved = penalised["kernel"] - without["kernel"]
        np.testing.assert_allclose(moved, -0.5 * 0.1 * np.sign(before["kernel"]), atol=1e-6, err_msg=name)
        np.testing.assert_allclose(penalised["bias"], without["bias"], atol=1e-7, err_msg=name)


@pytest.mark.parametrize("order", ["shared", "independent"])
@pytest.mark.parametrize(
    "extra",
    [{}, {"optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.1}, {"label_noise": 0.3, "patience": 1}],
)
def test_the_ensemble_is_its_networks_one_by_one(order, extra):
    splits = random_splits()
    # Norm after the activation: before it, the bias has no gradient but rounding, which Adam would blow up.
    model = networks.build(ModelConfig((5,), 3, norm="batch", norm_position="after", dropout=(0.2,)))
    options = {"optimizer": "momentum", "learning_rate": 0.05} | extra
    config = TrainConfig(seeds=3, epochs=3, batch_size=16, data_order=order, **options)
    together = train.fit_ensemble(model, splits, config)
    alone = jax.jit(lambda key: train.fit(key, model, splits, config)[:2])
    for seed, key in enumerate(ensemble.keys(0, 3)):
        ours = jax.tree.map(lambda leaf, seed=seed: leaf[seed], (together.networks, together.history))
        padded = [  # training ends early where all seeds have stopped
            (a, b if a.shape == b.shape else b[: len(a)])
            for a, b in zip(*map(jax.tree.leaves, (ours, alone(key))), strict=True)
        ]
        for a, b in padded:
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_chunk_changes_no_network_beyond_rounding():
    splits, model = random_splits(), networks.build(ModelConfig((5,), 3))
    config = TrainConfig(seeds=5, epochs=2, batch_size=8, optimizer="sgd")
    results = [train.fit_ensemble(model, splits, dataclasses.replace(config, chunk=chunk)) for chunk in (1, 2, 5)]
    for other in results[1:]:
        for a, b in zip(jax.tree.leaves(results[0]), jax.tree.leaves(other), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


def test_seeds_differ_and_learn(toy):
    _, _, trained = toy
    kernel = trained.networks.variables["params"]["hidden0"]["kernel"]
    assert abs(kernel[0] - kernel[1]).max() > 0.01
    assert trained.history.accuracy[:, -1, 2].min() > 0.9
    assert (trained.history.best == 3).all()


def test_history_is_what_the_networks_do(toy):
    _, splits, trained = toy
    logits = jax.vmap(lambda network: network(splits.test.images)[0])(trained.networks)
    right = np.argmax(logits, -1) == splits.test.labels
    np.testing.assert_allclose(trained.history.accuracy[:, -1, 2], right.mean(1), atol=1e-6)
    for label in range(2):
        chosen = right[:, splits.test.labels == label].mean(1)
        np.testing.assert_allclose(trained.history.class_accuracy[:, -1, 2, label], chosen, atol=1e-6)
    assert np.isnan(trained.history.loss[..., 1]).all()  # there is no validation set


def test_early_stopping_keeps_the_best_weights_and_ends_training():
    splits, model = random_splits(), networks.build(ModelConfig((20,), 3))
    config = TrainConfig(seeds=3, epochs=60, batch_size=8, learning_rate=0.05, patience=2)
    result = train.fit_ensemble(model, splits, config)
    history = result.history
    assert history.loss.shape[1] < 60
    assert (history.stopped - history.best == 2).all()
    for seed in range(3):
        validation = history.loss[seed, :, 1]
        assert np.nanargmin(validation) + 1 == history.best[seed]
        assert np.isnan(validation[history.stopped[seed] :]).all()
        kept = epoch.evaluate(ensemble.take(result.networks, seed), splits.validation, loss=config.loss)
        np.testing.assert_allclose(kept.loss, np.nanmin(validation), rtol=1e-5)


def test_label_noise_replaces_its_share_and_grows_with_the_rate():
    labels = jnp.arange(10_000) % 10
    drawn, others = epoch.label_noise(TrainConfig(), labels)
    noisy = [np.where(drawn < rate, others, labels) for rate in (0.0, 0.2, 0.5)]
    assert (noisy[0] == labels).all()
    # A tenth of the replacements draw the same class again.
    assert [(n != labels).mean() for n in noisy] == pytest.approx([0, 0.18, 0.45], abs=0.02)
    changed = noisy[1] != labels
    np.testing.assert_array_equal(noisy[2][changed], noisy[1][changed])


def test_arms_of_one_program_are_the_arms_alone():
    splits, model = random_splits(), networks.build(ModelConfig((5,), 3))
    base = TrainConfig(seeds=2, epochs=3, batch_size=8, learning_rate=0.01, weight_decay=0.1, l1=0.01, label_noise=0.1)
    other = dataclasses.replace(base, learning_rate=0.02, weight_decay=0.0, l1=0.0, label_noise=0.4)
    arms = [(base, (0.1,)), (other, (0.5,))]
    together = train.fit_arms(model, splits, arms)
    for arm, result in zip(arms, together, strict=True):
        alone = train.fit_arms(model.clone(dropout=arm[1]), splits, [arm])[0]
        assert result.networks.model.dropout == arm[1]
        for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "squared_error"])
def test_one_output_tells_two_classes(loss):
    splits = data.load(DataConfig("strokes", train_size=400))
    model = networks.build(ModelConfig((8,), outputs=1))
    result = train.fit_ensemble(model, splits, TrainConfig(seeds=2, epochs=3, batch_size=32, loss=loss))
    assert result.history.accuracy[:, -1, 2].min() > 0.9
    assert result.history.class_accuracy.shape[-1] == 2


def test_xor_is_learnt_to_the_last_digit():
    splits = data.load(DataConfig("xor"))
    config = TrainConfig(seeds=8, epochs=300, batch_size=4, learning_rate=0.05, loss="squared_error")
    history = train.fit_ensemble(networks.build(ModelConfig((8,), outputs=1)), splits, config).history
    assert np.median(history.loss[:, -1, 2]) < 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds must be positive, got 0"),
        ({"epochs": 0}, "epochs must be positive"),
        ({"batch_size": 0}, "batch_size must be positive"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"chunk": -1}, "chunk must be positive"),
        ({"learning_rate": float("inf")}, "learning_rate must be positive"),
        ({"optimizer_epsilon": 0.0}, "optimizer_epsilon must be positive, got 0"),
        ({"chunk": 0}, "chunk must be positive"),
        ({"l1": -1.0}, "l1 must be a finite number of at least 0"),
        ({"momentum": float("nan")}, "momentum must be a finite number of at least 0, got nan"),
        ({"weight_decay": -1.0}, "weight_decay must be a finite number of at least 0"),
        ({"label_noise": 1.5}, "fraction from 0 to 1"),
        ({"patience": 0}, "at least 1"),
        ({"patience": 2**31}, "at least 1 and less than 2³¹, got 2147483648"),
        ({"batch_size": 2**31}, "batch_size must fit 32 bits, got 2147483648"),
        ({"chunk": 10**30}, "chunk must fit 32 bits"),
        ({"learning_rate": 1e39}, r"learning_rate must fit 32 bits, got 1e\+39"),
        ({"learning_rate": 1e-50}, "learning_rate must fit 32 bits, got 1e-50"),
        ({"l1": 1e39}, "l1 must be a finite number"),
        ({"seeds": True}, "TrainConfig.seeds must be int, got True"),
        ({"base_seed": 2**32}, "base_seed must be from 0 to 4294967295, got 4294967296"),
        ({"snapshots": (99,)}, "epochs from 0 to 10, got 99"),
        ({"loss": "binary_cross_entropy"}, "1 output"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        train.check(TrainConfig(**changes), networks.build(ModelConfig(outputs=3)), random_splits())


@pytest.mark.parametrize(("examples", "size"), [(65, 64), (33, 32), (8, 1), (7, 3)])
def test_batch_norm_is_never_left_with_a_batch_of_one(examples, size):
    splits = random_splits()
    splits = splits._replace(train=splits.train.take(np.arange(examples) % len(splits.train.labels)))
    config = TrainConfig(batch_size=size)
    with pytest.raises(InputError, match=f"{examples} training images in batches of {size} leave a batch of one"):
        train.check(config, networks.build(ModelConfig(outputs=3, norm="batch")), splits)
    for norm in ("none", "layer"):
        train.check(config, networks.build(ModelConfig(outputs=3, norm=norm)), splits)
    fewer = splits._replace(train=splits.train.take(slice(1, None))) if size > 1 else splits
    larger = dataclasses.replace(config, batch_size=max(size, 2))
    train.check(larger, networks.build(ModelConfig(outputs=3, norm="batch")), fewer)


def test_data_that_does_not_fit_is_refused():
    empty = random_splits()._replace(validation=Dataset(np.zeros((0, 6), np.float32), np.zeros(0, np.int32)))
    with pytest.raises(InputError, match="validation_share"):
        train.check(TrainConfig(patience=2), networks.build(ModelConfig(outputs=3)), empty)
    with pytest.raises(InputError, match=r"needs 3 outputs, got 2$"):
        train.check(TrainConfig(), networks.build(ModelConfig(outputs=2)), random_splits())
    from_1 = Splits(*(part.replace(labels=part.labels + np.int32(1)) for part in random_splits()))
    with pytest.raises(
        InputError, match=r"needs 4 outputs, got 3; or subtract 1 from all labels: --data.label-offset 1$"
    ):
        train.check(TrainConfig(), networks.build(ModelConfig(outputs=3)), from_1)
    with pytest.raises(InputError, match="cross_entropy needs at least 2 outputs"):
        train.check(TrainConfig(), networks.build(ModelConfig(outputs=1)), random_splits(classes=2))
