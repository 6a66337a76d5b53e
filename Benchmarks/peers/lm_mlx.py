#!/usr/bin/env python3
"""Times language models in mlx-lm on the CPU."""
from functools import partial

import harness

options = harness.flags("mlx")

import lm
import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optimizers

mx.set_default_device(mx.cpu)
from mlx_lm.models.cache import make_prompt_cache, trim_prompt_cache
from mlx_lm.tuner.utils import linear_to_lora_layers
from mlx_lm.utils import load_model


class Model:
    def __init__(self):
        self.model, _ = load_model(lm.FOLDER / "hf")

    def read(self, tokens):
        # As mlx-lm does: no logits but the last token's.
        self.cache = make_prompt_cache(self.model)
        self.model(mx.array([tokens[:-1]]), cache=self.cache)
        mx.eval([cache.state for cache in self.cache])
        return self.next(tokens[-1])

    def next(self, token):
        return int(mx.argmax(self.model(mx.array([[token]]), cache=self.cache)[0, -1]))

    def take_back(self, count):
        trim_prompt_cache(self.cache, count)


def tuning(adapters):
    """A compiled step of fine-tuning, as mlx-lm's trainer takes it."""
    model, _ = load_model(lm.FOLDER / "hf")
    if adapters:
        model.freeze()
        linear_to_lora_layers(model, len(model.layers), {"rank": 8, "scale": 20.0, "dropout": 0.0})
    model.train()
    optimizer = optimizers.AdamW(1e-4, bias_correction=True)
    text = mx.array([lm.TEXT])
    gradient = nn.value_and_grad(
        model, lambda model, x, y: nn.losses.cross_entropy(model(x), y).mean())
    state = [model.state, optimizer.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(x, y):
        loss, gradients = gradient(model, x, y)
        optimizer.update(model, gradients)
        return loss

    return lambda: mx.eval(state, step(text[:, :-1], text[:, 1:]))


harness.run(options, lm.cases({"fp32": Model}) | lm.tuning_cases({
    "lora_fp32": lambda: tuning(True), "full_fp32": lambda: tuning(False)}))
