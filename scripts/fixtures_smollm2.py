#!/usr/bin/env python3
"""Writes Tests/Fixtures/smollm2.safetensors: what transformers computes in float32 with the weights
of SmolLM2-135M-Instruct's GGUF file, for 20 prompts.

    bash scripts/fetch-data.sh smollm2
    /tmp/fixtures/bin/pip install torch transformers gguf accelerate
    /tmp/fixtures/bin/python scripts/fixtures_smollm2.py

For prompt n: `tokens.n` [T]; of each position the likeliest token `best.n`, how far the second is
behind it `gap.n`, the range of the logits `range.n`, and the logits of the tokens `columns` [K],
`logits.n` [T, K]; and `greedy.n` [64], the tokens that follow the whole prompt.
"""

import os

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
FOLDER = os.path.join(ROOT, "data", "smollm2")
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"

PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a small robot who",
    "def fibonacci(n):\n    ",
    "Water boils at",
    "The three primary colors are",
    "In 1969, humans first",
    "import numpy as np\n\n",
    "To make a cup of tea, first",
    "The quick brown fox",
    "Q: What is 12 + 7?\nA:",
    "Die Hauptstadt von Deutschland ist",
    "La tour Eiffel se trouve",
    "SELECT name FROM users WHERE",
    "Dear Sir or Madam,\n\nI am writing to",
    "<|im_start|>user\nTell me a joke.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nYou are a pirate.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n"
    "<|im_start|>assistant\n",
    "The derivative of x^2 is",
    "Photosynthesis is the process by which",
    "1, 1, 2, 3, 5, 8, 13,",
    "She opened the old wooden door and saw",
]


def following(model, prompts, count=64):
    """The likeliest tokens behind each prompt, end tokens left out, all prompts together."""
    longest = max(len(p) for p in prompts)
    ids = torch.zeros((len(prompts), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt):] = torch.tensor(prompt)
        mask[row, longest - len(prompt):] = 1
    with torch.no_grad():
        whole = model.generate(ids, attention_mask=mask, max_new_tokens=count,
                               min_new_tokens=count, do_sample=False, repetition_penalty=1.0,
                               pad_token_id=0)
    return whole[:, longest:]


def main():
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(FOLDER, gguf_file=FILE)
    model = AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=FILE, dtype=torch.float32)
    model.eval()
    size = model.config.vocab_size
    columns = torch.randperm(size, generator=torch.Generator().manual_seed(1))[:48]
    values = {"columns": columns.int()}
    prompts = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt in PROMPTS]
    greedy = following(model, prompts)
    for number, tokens in enumerate(prompts):
        with torch.no_grad():
            logits = model(torch.tensor([tokens])).logits[0]
        top = logits.topk(2, dim=-1)
        values[f"tokens.{number}"] = torch.tensor(tokens).int()
        values[f"best.{number}"] = top.indices[:, 0].int().contiguous()
        values[f"gap.{number}"] = (top.values[:, 0] - top.values[:, 1]).contiguous()
        values[f"range.{number}"] = logits.max(-1).values - logits.min(-1).values
        values[f"logits.{number}"] = logits[:, columns].contiguous()
        values[f"greedy.{number}"] = greedy[number].int().contiguous()
        print(number, repr(tokenizer.decode(greedy[number])[:100]), flush=True)
    save_file(values, os.path.join(ROOT, "Tests", "Fixtures", "smollm2.safetensors"))


if __name__ == "__main__":
    main()
