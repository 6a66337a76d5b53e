#!/usr/bin/env python3
"""Writes Tests/Fixtures/models: tiny random language models as transformers saves them, and what it
computes with them.

    /tmp/fixtures/bin/pip install torch transformers
    /tmp/fixtures/bin/python scripts/fixtures_models.py [NAME...]

A folder holds config.json and model.safetensors, in bfloat16 to be small, and values.safetensors
with what the model computes of the same numbers in float32: `tokens` [2, T]; `logits` [2, T, V];
`loss`, the mean cross-entropy of each next token; and the loss's gradient by every parameter, a
vector as `vector.NAME`, a matrix [n, m] as its product `matrix.NAME` [n, 3] with `random.m` [m, 3].
"""

import os
import shutil
import sys
import zlib

import torch
import transformers as hf
from safetensors.torch import save_file

FOLDER = os.path.join(os.path.dirname(__file__), "..", "Tests", "Fixtures", "models")
LENGTH = 14

SHAPE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
             bos_token_id=1, eos_token_id=2, pad_token_id=0)


def rope(kind="default", theta=10000.0, **rest):
    return dict(rope_type=kind, rope_theta=theta, **rest)


def config(make, **changes):
    return make(**{**SHAPE, **changes})


LONG = dict(short_factor=[1.0, 1.2, 1.5, 2.0], long_factor=[1.5, 3.0, 6.0, 9.0])

CONFIGS = {
    "llama2": lambda: config(hf.LlamaConfig, num_key_value_heads=4),
    "llama3": lambda: config(
        hf.LlamaConfig, tie_word_embeddings=True, rms_norm_eps=1e-5, rope_parameters=rope(
            "llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=16)),
    "llama3_wide": lambda: config(hf.LlamaConfig, head_dim=32, num_key_value_heads=1),
    "llama_biased": lambda: config(
        hf.LlamaConfig, attention_bias=True, mlp_bias=True,
        rope_parameters=rope("linear", factor=4.0)),
    "llama_dynamic": lambda: config(
        hf.LlamaConfig, max_position_embeddings=8, rope_parameters=rope("dynamic", factor=2.0)),
    "mistral": lambda: config(hf.MistralConfig, sliding_window=5, head_dim=16),
    "smollm3": lambda: config(
        hf.SmolLM3Config, num_hidden_layers=4, no_rope_layer_interval=4,
        rope_parameters=rope(theta=2e6)),
    "qwen2": lambda: config(hf.Qwen2Config, rope_parameters=rope(theta=1e6)),
    "qwen2_sliding": lambda: config(
        hf.Qwen2Config, num_hidden_layers=3, use_sliding_window=True, sliding_window=4,
        max_window_layers=1, tie_word_embeddings=True, rope_parameters=rope(
            "yarn", 1e6, factor=4.0, original_max_position_embeddings=16)),
    "qwen3": lambda: config(
        hf.Qwen3Config, head_dim=16, tie_word_embeddings=True, rope_parameters=rope(theta=1e6)),
    "gemma": lambda: config(hf.GemmaConfig, num_key_value_heads=1, head_dim=16),
    "gemma2": lambda: config(
        hf.Gemma2Config, head_dim=16, sliding_window=5, query_pre_attn_scalar=24,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0),
    "gemma3": lambda: config(
        hf.Gemma3TextConfig, num_hidden_layers=3, head_dim=16, sliding_window=5,
        query_pre_attn_scalar=24, intermediate_size=32,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        rope_parameters=dict(
            sliding_attention=rope(), full_attention=rope("linear", 1e6, factor=8.0))),
    "phi3": lambda: config(hf.Phi3Config, sliding_window=6),
    "phi3_short": lambda: config(
        hf.Phi3Config, original_max_position_embeddings=32,
        rope_parameters=rope("longrope", original_max_position_embeddings=32, **LONG)),
    "phi3_long": lambda: config(
        hf.Phi3Config, original_max_position_embeddings=8,
        rope_parameters=rope("longrope", original_max_position_embeddings=8, **LONG)),
    "phi4_mini": lambda: config(
        hf.Phi3Config, tie_word_embeddings=True,
        rope_parameters=rope(partial_rotary_factor=0.5)),
    "gpt2": lambda: hf.GPT2Config(
        vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=32, bos_token_id=1,
        eos_token_id=2),
}


def randomise(model):
    """Weights that make attention sharp and norms matter, rounded to bfloat16."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 1:
                values = parameter + 0.3 * noise
            else:
                values = noise * (1.5 / parameter.shape[-1] ** 0.5)
            parameter.copy_(values.bfloat16().float())


def gradient_values(name, gradient, values):
    if gradient.ndim == 1:
        values[f"vector.{name}"] = gradient.clone()
        return
    width = gradient.shape[1]
    key = f"random.{width}"
    if key not in values:
        values[key] = torch.randn((width, 3), generator=torch.Generator().manual_seed(width))
    values[f"matrix.{name}"] = (gradient @ values[key]).contiguous()


def write(name):
    torch.manual_seed(zlib.crc32(name.encode()))
    folder = os.path.join(FOLDER, name)
    shutil.rmtree(folder, ignore_errors=True)
    model = hf.AutoModelForCausalLM.from_config(CONFIGS[name](), attn_implementation="eager")
    model = model.float().eval()
    randomise(model)
    tokens = torch.randint(3, 64, (2, LENGTH), generator=torch.Generator().manual_seed(5))
    output = model(tokens, labels=tokens, use_cache=False)
    output.loss.backward()
    values = {"tokens": tokens.int(), "logits": output.logits.detach().contiguous(),
              "loss": output.loss.detach()}
    for parameter, tensor in model.named_parameters():
        gradient_values(parameter, tensor.grad, values)
    model.bfloat16().save_pretrained(folder)
    save_file(values, os.path.join(folder, "values.safetensors"))
    for file in os.listdir(folder):
        if file not in ("config.json", "model.safetensors", "values.safetensors"):
            os.remove(os.path.join(folder, file))
    print(name, sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder)))


if __name__ == "__main__":
    for chosen in sys.argv[1:] or CONFIGS:
        write(chosen)
