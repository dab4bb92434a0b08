from pathlib import Path

import pytest

from jaxinterp.choices import LINEAR
from jaxinterp.errors import InputError
from jaxinterp.foreign.steps import Step, describe

PATH = Path("w.keras")
LINEARS = [Step("linear", name, f"{name}/kernel") for name in ("fc10", "fc2", "out")]
RELU, TANH, UNKNOWN = (
    Step("activation", name, value=value) for name, value in (("ReLU", "relu"), ("tanh", "tanh"), ("elu", None))
)
SOFTMAX = Step("activation", "softmax")
IDENTITY = Step("activation", "linear", value=LINEAR)
BATCH = Step("norm", "bn", "bn/gamma", ("batch", 1e-3))
OTHER = Step("norm", "ln", "ln/gamma", ("layer", 1e-3))
FINE = Step("norm", "bn", "bn/gamma", ("batch", 1e-5))


def network(first, second, last=()):
    return describe(PATH, [LINEARS[0], *first, LINEARS[1], *second, LINEARS[2], *last])


@pytest.mark.parametrize("last", [[], [IDENTITY], [SOFTMAX], [IDENTITY, Step("activation", "LogSoftmax")]])
def test_the_steps_tell_activation_and_order(last):
    described = network([RELU], [IDENTITY, RELU], last)
    assert described.told == {"activation": "relu"}
    assert described.layers == ("fc10/kernel", "fc2/kernel", "out/kernel")


@pytest.mark.parametrize(("after", "position"), [([BATCH, RELU], "before"), ([RELU, BATCH], "after")])
def test_the_steps_tell_the_norm_and_where_it_is(after, position):
    told = network(after, after).told
    assert told == {"activation": "relu", "norm": "batch", "norm_epsilon": 1e-3, "norm_position": position}
    with_identity = [IDENTITY, *after]
    assert network(with_identity, with_identity).told == told


def test_hidden_layers_without_activation_are_linear():
    assert network([], [IDENTITY]).told == {"activation": LINEAR}
    assert describe(PATH, LINEARS[:1]).told == {}


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (([RELU], [TANH]), r"more than one activation function \(relu, tanh\)"),
        (([RELU], []), r"more than one activation function \(relu, identity\)"),
        (([UNKNOWN], [RELU]), "has the activation function elu: only relu"),
        (([RELU, TANH], [RELU]), "has ReLU and tanh after one layer"),
        (
            ([BATCH, RELU], [RELU]),
            "has the norms bn: a network has one after each hidden layer, after each convolution, or none",
        ),
        (([BATCH, BATCH, RELU], [BATCH, RELU]), "has the norms bn, bn, bn"),
        (([BATCH, RELU], [OTHER, RELU]), r"more than one kind of norm \(batch, layer\)"),
        (([BATCH, RELU], [FINE, RELU]), r"more than one epsilon of the norm \(0.001, 1e-05\)"),
        (([BATCH, RELU], [RELU, BATCH]), r"more than one position of the norm \(before, after\)"),
        (([RELU], [RELU], [RELU]), "ends with ReLU: outputs must be those of a linear layer"),
        (([RELU], [RELU], [BATCH]), "ends with bn"),
    ],
)
def test_what_no_mlp_computes_is_refused(steps, message):
    with pytest.raises(InputError, match=f"w.keras .*{message}|w.keras {message}"):
        network(*steps)


@pytest.mark.parametrize("steps", [[], [RELU], [RELU, *LINEARS]])
def test_a_network_begins_with_a_linear_layer(steps):
    with pytest.raises(InputError, match="does not begin with a linear layer"):
        describe(PATH, steps)
