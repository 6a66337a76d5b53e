#!/usr/bin/env python3
"""Writes Tests/Fixtures/optimizers*.json: steps of mlx.optimizers of the PyPI package mlx.

    /tmp/fixtures/bin/python scripts/fixtures_optimizers.py

The environment is that of scripts/fixtures.py, and so is the form of arrays. All cases begin with
the same parameters and get the same ten gradients, rounded to the case's type. A case holds the parameters
and the state after the steps that it keeps: some in float32, all in bfloat16, where MLX rounds
after every operation, so that each step is compared from the values that the one before it gave.
Constants are float32 numbers, as in Swift. A schedule holds its values at steps.
"""

import json

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from mlx.utils import tree_flatten

from fixtures import FOLDER, VERSION, packed

SHAPES = {"weight": (4, 3), "wide": (2, 5), "kernel": (2, 3, 2), "bias": (4,)}
STEPS = 10
KEPT = {mx.float32: [1, 2, 5, 10], mx.bfloat16: list(range(1, STEPS + 1))}

numbers = np.random.default_rng(20240609)


def arrays():
    return {name: numbers.uniform(-1, 1, shape).astype(np.float32)
            for name, shape in SHAPES.items()}


START = arrays()
GRADIENTS = [arrays() for _ in range(STEPS)]


class Model(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        for name, value in START.items():
            self[name] = mx.array(value).astype(dtype)


def single(value):
    """A constant as Swift has it; whole numbers and truths stay what they are."""
    return float(np.float32(value)) if isinstance(value, float) else value


def betas(options):
    options = dict(options)
    options["betas"] = [options.pop("beta1", single(0.9)), options.pop("beta2", single(0.999))]
    return options


def multi(options):
    return optim.MultiOptimizer(
        [optim.Muon(learning_rate=0.02, momentum=single(0.95), weight_decay=single(0.01)),
         optim.SGD(learning_rate=0.1, momentum=single(0.9)),
         optim.AdamW(learning_rate=0.01, betas=[single(0.9), single(0.999)])],
        [lambda key, array: array.ndim == 2, lambda key, array: array.ndim == 3])


MAKERS = {
    "SGD": lambda o: optim.SGD(**o), "RMSprop": lambda o: optim.RMSprop(**o),
    "AdaGrad": lambda o: optim.Adagrad(**o), "AdaDelta": lambda o: optim.AdaDelta(**o),
    "Adam": lambda o: optim.Adam(**betas(o)), "AdamW": lambda o: optim.AdamW(**betas(o)),
    "Adamax": lambda o: optim.Adamax(**betas(o)), "Lion": lambda o: optim.Lion(**betas(o)),
    "Adafactor": lambda o: optim.Adafactor(**o), "Muon": lambda o: optim.Muon(**o),
    "MultiOptimizer": multi,
}

CASES = [
    ("SGD", dict(learning_rate=0.1)),
    ("SGD", dict(learning_rate=0.1, weight_decay=0.1)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9, dampening=0.5)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9, nesterov=True)),
    ("SGD", dict(learning_rate=0.1, momentum=0.9, weight_decay=0.1, nesterov=True)),
    ("RMSprop", dict(learning_rate=0.01, alpha=0.99)),
    ("RMSprop", dict(learning_rate=0.02, alpha=0.9, eps=1e-6)),
    ("AdaGrad", dict(learning_rate=0.05)),
    ("AdaDelta", dict(learning_rate=1.0, rho=0.9)),
    ("AdaDelta", dict(learning_rate=2.0, rho=0.95, eps=1e-4)),
    ("Adam", dict(learning_rate=0.01)),
    ("Adam", dict(learning_rate=0.01, bias_correction=True)),
    ("Adam", dict(learning_rate=0.02, beta1=0.8, beta2=0.95, eps=1e-6)),
    ("AdamW", dict(learning_rate=0.01)),
    ("AdamW", dict(learning_rate=0.01, weight_decay=0.1, bias_correction=True)),
    ("Adamax", dict(learning_rate=0.02)),
    ("Adamax", dict(learning_rate=0.02, beta1=0.8, beta2=0.95, eps=1e-6)),
    ("Lion", dict(learning_rate=0.01, beta1=0.9, beta2=0.99)),
    ("Lion", dict(learning_rate=0.01, beta1=0.9, beta2=0.999, weight_decay=0.1)),
    ("Adafactor", dict()),
    ("Adafactor", dict(warmup_init=True)),
    ("Adafactor", dict(learning_rate=0.01, relative_step=False)),
    ("Adafactor", dict(learning_rate=0.01, relative_step=False, scale_parameter=False,
                       weight_decay=0.1)),
    ("Adafactor", dict(beta_1=0.9, clip_threshold=0.5, decay_rate=-0.5)),
    ("Muon", dict(learning_rate=0.02, momentum=0.95, weight_decay=0.01)),
    ("Muon", dict(learning_rate=0.02, momentum=0.95, weight_decay=0.0, nesterov=False)),
    ("Muon", dict(learning_rate=0.02, momentum=0.9, weight_decay=0.01, ns_steps=3)),
    ("MultiOptimizer", dict()),
]


def state_of(optimizer):
    if isinstance(optimizer, optim.MultiOptimizer):
        return {f"{i}.{key}": value for i, one in enumerate(optimizer.optimizers)
                for key, value in state_of(one).items()}
    return {key: packed(value) for key, value in tree_flatten(optimizer.state)
            if key not in ("step", "learning_rate")}


def steps(name, options, dtype):
    options = {key: single(value) for key, value in options.items()}
    model, optimizer = Model(dtype), MAKERS[name](options)
    parameters, states = [], []
    for step, gradients in enumerate(GRADIENTS, 1):
        optimizer.update(model, {key: mx.array(value).astype(dtype)
                                 for key, value in gradients.items()})
        mx.eval(model.parameters(), optimizer.state)
        if step in KEPT[dtype]:
            parameters.append(
                {key: packed(value) for key, value in tree_flatten(model.parameters())})
            states.append(state_of(optimizer))
    return {"optimizer": name, "options": {key: float(value) for key, value in options.items()},
            "dtype": str(dtype).removeprefix("mlx.core."), "kept": KEPT[dtype],
            "parameters": parameters, "states": states}


def schedules():
    linear = optim.linear_schedule(0.0, 0.1, 5)
    table = [
        ("exponentialDecay", [0.1, 0.9], optim.exponential_decay(0.1, 0.9)),
        ("stepDecay", [0.1, 0.5, 4], optim.step_decay(0.1, 0.5, 4)),
        ("cosineDecay", [0.1, 10], optim.cosine_decay(0.1, 10)),
        ("cosineDecay", [0.1, 7, 0.02], optim.cosine_decay(0.1, 7, 0.02)),
        ("linearSchedule", [0.0, 0.1, 5], linear),
        ("linearSchedule", [0.3, 0.1, 8], optim.linear_schedule(0.3, 0.1, 8)),
        ("joinSchedules", [], optim.join_schedules(
            [linear, optim.cosine_decay(0.1, 6), optim.step_decay(0.05, 0.5, 2)], [5, 11])),
        ("warmup", [], optim.join_schedules([linear, optim.cosine_decay(0.1, 10)], [5])),
    ]
    for name, parameters, function in table:
        yield {"schedule": name, "parameters": parameters,
               "values": [float(function(mx.array(step))) for step in range(20)]}


def write(family, dtype, schedules):
    content = {
        "start": {key: packed(mx.array(value)) for key, value in START.items()},
        "gradients": [{key: packed(mx.array(value)) for key, value in gradients.items()}
                      for gradients in GRADIENTS],
        "cases": [steps(name, options, dtype) for name, options in CASES],
        "schedules": schedules,
    }
    text = json.dumps(content, separators=(",", ":")).replace('{"optimizer"', '\n{"optimizer"')
    (FOLDER / f"{family}.json").write_text(text + "\n")


if __name__ == "__main__":
    assert mx.__version__ == VERSION, f"mlx {VERSION} is needed, this is {mx.__version__}"
    mx.set_default_device(mx.cpu)
    write("optimizers", mx.float32, list(schedules()))
    write("optimizers_bfloat16", mx.bfloat16, [])
