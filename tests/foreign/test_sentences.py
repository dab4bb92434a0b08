from pathlib import Path

import numpy as np

from jaxinterp import foreign
from jaxinterp.foreign.accuracy import Likely


def told(count, **options):
    accuracy = np.linspace(0.9, 0.95, count)
    files = [Path(f"folder/{number}.npz") for number in range(count)]
    of_file, fitted = options.pop("told", {}), options.pop("fitted", {})
    return list(foreign.sentences(files, of_file, foreign.Check(accuracy, 0.1, "", **options), fitted))


def test_one_network_has_one_line():
    assert told(1) == ["test accuracy 90.0 %, chance 10.0 %"]


def test_few_networks_are_listed_and_many_are_not():
    assert told(3) == [
        "test accuracy 92.5 % on average, from 90.0 % to 95.0 %, chance 10.0 %",
        "0.npz 90.0 %, 1.npz 92.5 %, 2.npz 95.0 %",
    ]
    assert len(told(8)) == 2 and len(told(9)) == 1


def test_what_the_file_tells_is_said():
    [_, said] = told(1, told={"activation": "tanh", "norm_epsilon": 0.001})
    assert said == "read from the file: --model.activation tanh --model.norm-epsilon 0.001"


def test_what_fits_alone_is_said_to_be_a_guess():
    *_, said = told(1, told={"pool": "max"}, fitted={"stride": (1, 1), "pool_size": (2, 1)})
    assert said == (
        "a guess: --model.stride 1 --model.pool-size 2 1, of common values the only ones that fit the first dense "
        "layer (test accuracy 90.0 %); if the network was trained with others, give --model.stride --model.pool-size"
    )


def test_the_answer_that_was_taken_comes_first_and_then_the_best():
    accuracy = {"relu": 0.95, "tanh": 0.1, "gelu": 0.94, "sigmoid": 0.2, "gelu_exact": 0.951, "identity": 0.05}
    [_, said] = told(1, likely={"activation function": Likely("relu", accuracy)})
    assert said == (
        "activation function not given, relu taken; test accuracy relu 95.0 %, gelu_exact 95.1 %, gelu 94.0 %, "
        "sigmoid 20.0 %, no other more than 10.0 %"
    )
    [_, said] = told(1, likely={"position of the norm": Likely("before", {"before": 0.9, "after": 0.2})})
    assert said == "position of the norm not given, before taken; test accuracy before 90.0 %, after 20.0 %"
