#!/usr/bin/env python3
"""Writes Tests/Fixtures/gguf.json: blocks and a whole file as the PyPI package gguf has them.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install gguf==0.19.0 numpy
    /tmp/fixtures/bin/python scripts/fixtures_gguf.py

`blocks`: for each type random blocks and their elements; for those that can be written, elements and
their blocks. `file`: a file with metadata of every kind. `halves`: numbers as the types without
blocks hold them. Bytes are in hexadecimal.
"""

import json
import pathlib
import tempfile

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

FILE = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "gguf.json"
numbers = np.random.default_rng(20240611)
WRITTEN = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
# Where the half floats of a block are.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82],
    "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def blocks():
    found = []
    for name, places in HALVES.items():
        size = GGML_QUANT_SIZES[Type[name]][1]
        data = numbers.integers(0, 256, (2, size), dtype=np.uint8)
        for block in data:
            for place in places:
                half = np.float16(numbers.uniform(-2, 2))
                block[place:place + 2] = np.frombuffer(half.tobytes(), np.uint8)
        case = {
            "type": name.lower(), "blocks": data.tobytes().hex(),
            "elements": dequantize(data, Type[name]).astype(np.float32).tobytes().hex(),
        }
        if name in WRITTEN:
            source = numbers.normal(0, 1, (3, 32)).astype(np.float32)
            source[1] *= 100
            source[2] = 0
            case["source"] = source.tobytes().hex()
            case["written"] = quantize(source, Type[name]).tobytes().hex()
        found.append(case)
    return found


def file():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "small.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_uint8("a.uint8", 200)
        writer.add_int8("a.int8", -3)
        writer.add_uint16("a.uint16", 60000)
        writer.add_int16("a.int16", -300)
        writer.add_uint32("a.uint32", 4000000000)
        writer.add_int32("a.int32", -70000)
        writer.add_float32("a.float32", 1.5)
        writer.add_bool("a.bool", True)
        writer.add_string("a.string", "größe")
        writer.add_array("a.array", ["x", "", "yz"])
        writer.add_uint64("a.uint64", 2**63)
        writer.add_int64("a.int64", -(2**40))
        writer.add_float64("a.float64", 0.1)
        writer.add_tensor("plain", np.arange(6, dtype=np.float32).reshape(2, 3))
        writer.add_tensor("half", np.arange(4, dtype=np.float16))
        writer.add_tensor("whole", np.arange(3, dtype=np.int32))
        packed = quantize(np.linspace(-1, 1, 64, dtype=np.float32).reshape(2, 32), Type.Q8_0)
        writer.add_tensor("packed", packed, raw_dtype=Type.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes().hex()


def halves():
    found = []
    for name in ["F32", "F16", "BF16"]:
        source = (numbers.normal(0, 1, (2, 12)) * 10.0 ** numbers.uniform(-6, 4, (2, 12)))
        # Halfway between two numbers of either half type, and numbers without their leading one.
        source[0, :6] = [1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 2**-24, -0.0]
        source = source.astype(np.float32)
        data = quantize(source, Type[name])
        found.append({
            "type": name.lower(), "source": source.tobytes().hex(), "blocks": data.tobytes().hex(),
            "elements": dequantize(data, Type[name]).astype(np.float32).tobytes().hex(),
        })
    return found


golden = {"blocks": blocks(), "file": file(), "halves": halves()}
FILE.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
