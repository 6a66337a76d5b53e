#!/usr/bin/env python3
"""Writes Tests/Fixtures/torch_optimizers.json: steps of torch.optim.

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch numpy
    /tmp/torch/bin/python scripts/fixtures_torch_optimizers.py

The form is that of scripts/fixtures_optimizers.py.
"""

import json
import pathlib

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"
SHAPES = {"weight": (4, 3), "bias": (4,)}
STEPS = 10

numbers = np.random.default_rng(20240610)

CASES = [
    ("AdamW", dict(learning_rate=0.01, weight_decay=0.1, bias_correction=True),
     lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
    ("AdamW", dict(learning_rate=0.02, weight_decay=0.0, beta1=0.8, beta2=0.95, eps=1e-6,
                   bias_correction=True),
     lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.0, betas=(0.8, 0.95), eps=1e-6)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9, nesterov=True),
     lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
     lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True)),
    ("AdaGrad", dict(learning_rate=0.05, eps=1e-8),
     lambda p: torch.optim.Adagrad(p, lr=0.05, eps=1e-8)),
    ("RMSprop", dict(learning_rate=0.01), lambda p: torch.optim.RMSprop(p, lr=0.01)),
]


def arrays():
    return {name: numbers.uniform(-1, 1, shape).astype(np.float32)
            for name, shape in SHAPES.items()}


def packed(array):
    return {"dtype": "float32", "shape": list(array.shape), "bits": array.tobytes().hex()}


def packed_all(tree):
    return {key: packed(value) for key, value in tree.items()}


START = arrays()
GRADIENTS = [arrays() for _ in range(STEPS)]


def steps(name, options, make):
    parameters = {key: torch.tensor(value.copy()) for key, value in START.items()}
    optimizer = make(list(parameters.values()))
    kept = []
    for gradients in GRADIENTS:
        for key, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[key])
        optimizer.step()
        kept.append(packed_all({key: value.numpy().copy() for key, value in parameters.items()}))
    return {"optimizer": name, "options": {key: float(value) for key, value in options.items()},
            "dtype": "float32", "kept": list(range(1, STEPS + 1)), "parameters": kept,
            "states": [{} for _ in kept]}


content = {
    "start": packed_all(START),
    "gradients": [packed_all(gradients) for gradients in GRADIENTS],
    "cases": [steps(*case) for case in CASES],
    "schedules": [],
}
text = json.dumps(content, separators=(",", ":"))
(FOLDER / "torch_optimizers.json").write_text(
    text.replace('{"optimizer"', '\n{"optimizer"') + "\n")
