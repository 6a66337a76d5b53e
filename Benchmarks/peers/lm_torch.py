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
        self.cache.crop(-count)


def tuning(adapters, compiled):
    """A step of fine-tuning by transformers, with adapters of PEFT's."""
    model = AutoModelForCausalLM.from_pretrained(lm.FOLDER / "hf", dtype=torch.float32).train()
    if adapters:
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(
            task_type="CAUSAL_LM", r=8, lora_alpha=160, target_modules="all-linear"))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, 1e-4, fused=True)
    forward = torch.compile(model, dynamic=False) if compiled else model
    text = torch.tensor([lm.TEXT])

    def step():
        logits = forward(input_ids=text[:, :-1], use_cache=False).logits
        torch.nn.functional.cross_entropy(logits[0], text[0, 1:]).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


harness.run(options, lm.tuning_cases({
    f"{word}_fp32{suffix}": lambda word=word, suffix=suffix: tuning(word == "lora", suffix != "")
    for word in ("lora", "full") for suffix in ("", "_compiled")}))
with torch.inference_mode():
    harness.run(options, lm.cases({
        "fp32": lambda: Model(torch.float32), "bf16": lambda: Model(torch.bfloat16)}))
