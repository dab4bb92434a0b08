#!/usr/bin/env bash
# captum 0.9.0, torch 2.13.0: does DeepLift depend on how a network is written?
#
# Guess: equal functions get equal attributions; a nonlinearity that DeepLift has no rule for is refused.
# Seen: only modules of certain classes get DeepLift's rule. With nn.functional.relu in forward(), or with an nn.GELU
# module, the result is gradient times input difference, under the name DeepLift and with nothing said about it. Its sum
# is not the difference of the outputs, which defines DeepLift; only return_convergence_delta shows it.
#
# Output (numbers rounded):
#   outputs of nn.ReLU and functional.relu equal: True
#   nn.ReLU: sum of attributions minus difference of outputs 0.0; gradient x difference: False
#   functional.relu: sum of attributions minus difference of outputs -0.23; gradient x difference: True
#   nn.GELU: sum of attributions minus difference of outputs -0.35; gradient x difference: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet captum==0.9.0 numpy==2.4.6 torch==2.13.0
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import torch
from captum.attr import DeepLift
from torch import nn

torch.manual_seed(0)
first, last = nn.Linear(4, 8), nn.Linear(8, 1)
x = 2 * torch.randn(3, 4)
baseline = torch.zeros(3, 4)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = first, last

    def forward(self, x):
        return self.last(nn.functional.relu(self.first(x)))


def explain(network):
    """The largest error of the sum of attributions; whether they are the gradient times x - baseline; warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        attributions, delta = DeepLift(network).attribute(x, baseline, target=0, return_convergence_delta=True)
    inputs = x.clone().detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network(inputs).sum(), inputs)
    plain = torch.allclose(attributions, gradient * (x - baseline), atol=1e-5)
    return float(delta[delta.abs().argmax()]), plain, {str(warning.message) for warning in caught}


networks = {
    "nn.ReLU": nn.Sequential(first, nn.ReLU(), last),
    "functional.relu": Functional(),
    "nn.GELU": nn.Sequential(first, nn.GELU(), last),
}
equal = torch.equal(networks["nn.ReLU"](x), networks["functional.relu"](x))
print("outputs of nn.ReLU and functional.relu equal:", equal)
results = {name: explain(network) for name, network in networks.items()}
for name, (error, plain, _) in results.items():
    rounded = round(error, 2) + 0.0
    print(f"{name}: sum of attributions minus difference of outputs {rounded}; gradient x difference: {plain}")
right, functional, gelu = results.values()
assert equal and abs(right[0]) < 1e-5 and not right[1]
assert all(abs(error) > 0.01 and plain for error, plain, _ in (functional, gelu))
assert functional[2] <= right[2] and gelu[2] <= right[2], "a warning that the supported network does not get"
PYTHON
