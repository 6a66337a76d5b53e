#!/usr/bin/env python3
"""Writes Tests/Fixtures/torch_nn.json: what torch's layers compute, for MLXNN to compare with.

    pip install torch numpy, then scripts/fixtures_torch.py

The form of the cases is that of scripts/fixtures_nn.py. Names, parameters and layouts are those of
MLXNN: channels last, the outputs of a transposed convolution first, one bias in a recurrent layer.
"""

import json
import pathlib

import numpy as np
import torch
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"
numbers = np.random.default_rng(20240711)


def packed(tensor):
    content = np.ascontiguousarray(tensor.detach().numpy())
    return {"dtype": str(content.dtype), "shape": list(tensor.shape),
            "bits": content.tobytes().hex()}


def normal(*shape):
    return torch.tensor(numbers.normal(0, 1, shape), dtype=torch.float32)


def uniform(*shape, low=-0.8, high=0.9):
    return torch.tensor(numbers.uniform(low, high, shape), dtype=torch.float32)


def channels_last(x):
    return x.movedim(1, -1)


def channels_first(x):
    return x.movedim(-1, 1)


def case(layer, arguments, parameters, inputs, function, training=True, frozen=None,
         statistics=None):
    """The function takes the parameters and the inputs in MLXNN's layout."""
    frozen = frozen or {}
    leaves = {k: v.clone().requires_grad_() for k, v in parameters.items()}
    floats = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    outputs = function(leaves, *floats)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    cotangents = [uniform(*y.shape, low=-1, high=1) for y in outputs]
    wanted = list(leaves.values()) + [x for x in floats if x.is_floating_point()]
    gradients = torch.autograd.grad(outputs, wanted, cotangents)
    return {
        "layer": layer, "arguments": arguments, "training": training,
        "parameters": {k: packed(v) for k, v in (parameters | frozen).items()},
        "inputs": [packed(x) for x in inputs], "outputs": [packed(y) for y in outputs],
        "cotangents": [packed(c) for c in cotangents],
        "parameterGradients": {k: packed(g) for k, g in zip(leaves, gradients)},
        "inputGradients": [packed(g) for g in gradients[len(leaves):]],
        "statistics": {k: packed(v) for k, v in (statistics() if statistics else {}).items()},
    }


def call(module, values, *inputs):
    return torch.func.functional_call(module, values, inputs)


def convolutions():
    for axes, sizes, kernel, stride, padding, dilation, groups in (
            (1, [9], [3], [2], [1], [2], 2), (2, [5, 6], [3, 2], [2, 1], [1, 0], [1, 2], 1),
            (3, [3, 4, 3], [2, 2, 1], [1, 2, 1], [1, 0, 0], [1, 1, 1], 2)):
        module = getattr(nn, f"Conv{axes}d")(2, 4, kernel, stride, padding, dilation, groups)

        def run(p, x):
            values = {"weight": channels_first(p["weight"]), "bias": p["bias"]}
            return channels_last(call(module, values, channels_first(x)))

        yield case(f"Conv{axes}d", dict(input=[2], output=[4], kernel=kernel, stride=stride,
                   padding=padding, dilation=dilation, groups=[groups], bias=[1]),
                   {"weight": uniform(4, *kernel, 2 // groups), "bias": uniform(4)},
                   [normal(2, *sizes, 2)], run)
    for axes, sizes, kernel, stride, padding, dilation, extra in (
            (1, [4], [3], [2], [1], [2], [1]), (2, [3, 2], [2, 3], [2, 1], [1, 0], [1, 1], [1, 0]),
            (3, [2, 2, 2], [2, 1, 2], [2, 1, 2], [1, 0, 0], [1, 1, 1], [0, 0, 1])):
        module = getattr(nn, f"ConvTranspose{axes}d")(
            2, 3, kernel, stride, padding, extra, dilation=dilation)

        def run(p, x):
            values = {"weight": channels_first(p["weight"]).transpose(0, 1), "bias": p["bias"]}
            return channels_last(call(module, values, channels_first(x)))

        yield case(f"ConvTransposed{axes}d", dict(input=[2], output=[3], kernel=kernel,
                   stride=stride, padding=padding, dilation=dilation, outputPadding=extra,
                   groups=[1], bias=[1]),
                   {"weight": uniform(3, *kernel, 2), "bias": uniform(3)},
                   [normal(2, *sizes, 2)], run)


def norms():
    module = nn.GroupNorm(2, 6)
    yield case("GroupNorm", dict(groups=[2], count=[6], affine=[1], compatible=[1]),
               {"weight": uniform(6), "bias": uniform(6)}, [normal(2, 3, 2, 6)],
               lambda p, x: channels_last(call(module, p, channels_first(x))))
    for training in (True, False):
        for axes, shape in ((1, (5, 4)), (1, (3, 2, 4)), (2, (2, 3, 2, 4))):
            module = getattr(nn, f"BatchNorm{axes}d")(4)
            module.train(training)
            frozen = {"running_mean": uniform(4), "running_var": uniform(4, low=0.2)}
            module.load_state_dict(frozen, strict=False)
            yield case("BatchNorm", dict(count=[4], affine=[1], track=[1]),
                       {"weight": uniform(4), "bias": uniform(4)}, [normal(*shape)],
                       lambda p, x: channels_last(call(module, p, channels_first(x))),
                       training, frozen,
                       lambda: {k: getattr(module, k) for k in frozen})


def sequences():
    module = nn.LSTM(3, 2, batch_first=True)
    inputs = [normal(2, 4, 3), normal(2, 2), normal(2, 2)]

    def lstm(p, x, hidden, cell):
        # One step at a time: torch gives the cell state of the last step alone.
        values = {"weight_ih_l0": p["Wx"], "weight_hh_l0": p["Wh"], "bias_ih_l0": p["bias"],
                  "bias_hh_l0": torch.zeros(8)}
        state, states, cells = (hidden[None], cell[None]), [], []
        for step in range(x.shape[1]):
            output, state = torch.func.functional_call(
                module, values, (x[:, step:step + 1], state))
            states.append(output[:, 0])
            cells.append(state[1][0])
        return torch.stack(states, 1), torch.stack(cells, 1)

    yield case("LSTM", dict(input=[3], output=[2], bias=[1]),
               {"Wx": uniform(8, 3), "Wh": uniform(8, 2), "bias": uniform(8)}, inputs, lstm)
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    mask = torch.triu(torch.full((3, 3), -1e9), diagonal=1)

    def attend(p, q, k, v, mask):
        names = ("query_proj", "key_proj", "value_proj")
        values = {"in_proj_weight": torch.cat([p[f"{n}.weight"] for n in names]),
                  "in_proj_bias": torch.cat([p[f"{n}.bias"] for n in names]),
                  "out_proj.weight": p["out_proj.weight"], "out_proj.bias": p["out_proj.bias"]}
        return torch.func.functional_call(
            attention, values, (q, k, v), {"attn_mask": mask, "need_weights": False})[0]

    parameters = {f"{n}_proj.{k}": uniform(*((4, 4) if k == "weight" else (4,)))
                  for n in ("query", "key", "value", "out") for k in ("weight", "bias")}
    yield case("MultiHeadAttention", dict(count=[4], heads=[2], bias=[1]), parameters,
               [normal(2, 3, 4), normal(2, 3, 4), normal(2, 3, 4), mask], attend)


def entropies():
    targets = torch.tensor([3, 0, 2])
    for smoothing in (0.0, 0.1, 0.6):
        for reduction in ("none", "mean", "sum"):
            def loss(p, x, classes):
                return nn.functional.cross_entropy(
                    x, classes, label_smoothing=smoothing, reduction=reduction)

            yield case("crossEntropy", dict(smoothing=[smoothing],
                       reduction=[["none", "mean", "sum"].index(reduction)]), {},
                       [normal(3, 4) * 3, targets], loss)


if __name__ == "__main__":
    torch.manual_seed(0)
    content = [*convolutions(), *norms(), *sequences(), *entropies()]
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in content)
    (FOLDER / "torch_nn.json").write_text(f"[\n{lines}\n]\n")
