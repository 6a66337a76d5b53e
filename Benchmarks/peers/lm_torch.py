#!/usr/bin/env python3
"""Times language models in transformers on PyTorch."""
import harness

options = harness.flags("torch")

import lm
import torch
from transformers import AutoModelForCausalLM

torch.set_num_threads(options.threads)


class Model:
    def __init__(self, dtype):
        self.model = AutoModelForCausalLM.from_pretrained(lm.FOLDER / "hf", dtype=dtype).eval()

    def step(self, tokens):
        found = self.model(
            torch.tensor([tokens]), past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.cache = found.past_key_values
        return int(found.logits[0, -1].argmax())

    def read(self, tokens):
        self.cache = None
        return self.step(tokens)

    def next(self, token):
        return self.step([token])

    def take_back(self, count):
        self.cache.crop(self.cache.get_seq_length() - count)


with torch.inference_mode():
    harness.run(options, lm.cases({
        "fp32": lambda: Model(torch.float32), "bf16": lambda: Model(torch.bfloat16)}))
