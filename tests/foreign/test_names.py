import pytest

from jaxinterp.foreign import names
from jaxinterp.foreign.names import ROLES, comes_before, split, words


@pytest.mark.parametrize(
    ("name", "layer", "role"),
    [
        ("fc1.weight", ("fc", "1"), "weight"),
        ("module.layers.0.bias", ("layers", "0"), "bias"),
        ("_orig_mod.module.net._orig_mod.fc1.weight", ("net", "fc", "1"), "weight"),
        ("my_module.0.weight", ("my", "module", "0"), "weight"),
        ("bn1.running_mean", ("bn", "1"), "mean"),
        ("bn1.running_var", ("bn", "1"), "var"),
        ("W1", ("1",), "weight"),
        ("b1", ("1",), "bias"),
        ("W_hidden", ("hidden",), "weight"),
        ("coefs_0", ("0",), "weight"),
        ("intercepts_0", ("0",), "bias"),
        ("params/Dense_0/kernel", ("dense", "0"), "weight"),
        ("['params']['Dense_0']['kernel']", ("dense", "0"), "weight"),
        ("params__Dense_0__kernel", ("dense", "0"), "weight"),
        ("net/params/BatchNorm_0/scale", ("net", "batchnorm", "0"), "scale"),
        ("net/batch_stats/BatchNorm_0/mean", ("net", "batchnorm", "0"), "mean"),
        ("dense_1/kernel:0", ("dense", "1"), "weight"),
        ("batch_normalization/moving_variance:0", ("batch", "normalization"), "var"),
        ("batch_normalization/gamma:0", ("batch", "normalization"), "scale"),
        ("fc1/kernel/value", ("fc", "1"), "weight"),
        ("mlp/~/linear_0/w", ("mlp", "linear", "0"), "weight"),
        ("layer_norm/offset", ("layer", "norm"), "shift"),
        ("layer_b.weight", ("layer", "b"), "weight"),
    ],
)
def test_names_say_layer_and_part(name, layer, role):
    part = split(name)
    assert (part.layer, ROLES[part.word]) == (layer, role)


@pytest.mark.parametrize("name", ["arr_0", "hidden", "step", "", "0", "parameters"])
def test_a_name_without_a_known_word_says_no_part(name):
    assert split(name) == (words(name), "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("fc2", "fc10"),
        ("dense", "dense_1"),
        ("block1.fc2", "block2.fc1"),
        ("hidden9", "output"),
        ("fc_in", "fc_hid"),
        ("fc_hid", "classifier"),
        ("input", "head"),
    ],
)
def test_numbers_and_words_for_the_ends_say_what_comes_first(one, other):
    assert comes_before(words(one), words(other))
    assert not comes_before(words(other), words(one))


@pytest.mark.parametrize(("one", "other"), [("fc_mid", "fc_hid"), ("a1", "b2"), ("head", "output"), ("fc1", "fc01")])
def test_other_names_say_nothing_about_order(one, other):
    assert not comes_before(words(one), words(other)) and not comes_before(words(other), words(one))


@pytest.mark.parametrize(
    ("name", "expected"), [("bn1", True), ("BatchNorm_0", True), ("batch_normalization_2", True), ("norm", False)]
)
def test_batch_norms_are_called_so(name, expected):
    assert names.is_batch_norm(words(name)) == expected
