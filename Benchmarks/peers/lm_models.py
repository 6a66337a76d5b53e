#!/usr/bin/env python3
"""Makes the files that the lm suite times from one GGUF file of Llama's kind.

    peers/lm_models.py MODEL.gguf FOLDER

FOLDER gets q4_1.gguf, q4_0.gguf, q8_0.gguf and bf16.gguf (matrices of that type, all else as it is),
and hf/, a float32 folder as transformers and mlx-lm read it. A file that is there is kept.
"""
import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

TYPES = ("q4_1", "q4_0", "q8_0", "bf16")
NAMES = {
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
}


def elements(tensor):
    return gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)


def requantize(reader, target, word):
    """The same file with its matrices in another type; the embedding is of 8 bits at least."""
    kind = gguf.GGMLQuantizationType[word.upper()]
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        values = elements(tensor)
        own = kind
        if tensor.name == "token_embd.weight" and word.startswith("q4"):
            own = gguf.GGMLQuantizationType.Q8_0
        if values.ndim < 2:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, gguf.quantize(values, own), raw_dtype=own)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def unpermuted(weights, heads):
    """Rows in transformers' order: llama.cpp stores the two halves of a head alternately."""
    rows = weights.shape[0]
    return weights.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(weights.shape)


def folder(reader, target):
    def value(key):
        return reader.fields["llama." + key].contents()

    heads, shared = value("attention.head_count"), value("attention.head_count_kv")
    weights = {}
    for tensor in reader.tensors:
        array, parts = elements(tensor), tensor.name.split(".")
        if parts[0] == "blk":
            if parts[2] in ("attn_q", "attn_k"):
                array = unpermuted(array, heads if parts[2] == "attn_q" else shared)
            name = f"model.layers.{parts[1]}.{NAMES[parts[2]]}"
        else:
            name = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}[parts[0]]
        weights[name + ".weight"] = np.ascontiguousarray(array)
    target.mkdir(parents=True, exist_ok=True)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": value("embedding_length"), "intermediate_size": value("feed_forward_length"),
        "num_hidden_layers": value("block_count"), "num_attention_heads": heads,
        "num_key_value_heads": shared, "vocab_size": weights["model.embed_tokens.weight"].shape[0],
        "max_position_embeddings": value("context_length"), "rope_theta": value("rope.freq_base"),
        "rms_norm_eps": float(value("attention.layer_norm_rms_epsilon")),
        "tie_word_embeddings": "lm_head.weight" not in weights, "torch_dtype": "float32",
        "bos_token_id": 1, "eos_token_id": 2,
    }
    (target / "config.json").write_text(json.dumps(config, indent=1))


def main(source, target):
    target.mkdir(parents=True, exist_ok=True)
    reader = gguf.GGUFReader(source)
    for word in TYPES:
        if not (target / f"{word}.gguf").exists():
            requantize(reader, target / f"{word}.part", word)
            (target / f"{word}.part").rename(target / f"{word}.gguf")
    if not (target / "hf" / "config.json").exists():
        folder(reader, target / "hf")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
