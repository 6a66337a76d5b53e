#!/usr/bin/env python3
"""Times language models in mlx-lm on the CPU."""
import harness

options = harness.flags("mlx")

import lm
import mlx.core as mx

mx.set_default_device(mx.cpu)
from mlx_lm.models.cache import make_prompt_cache, trim_prompt_cache
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


harness.run(options, lm.cases({"fp32": Model}))
