#!/usr/bin/env python3
"""Writes Tests/Fixtures/files.json: whole files as numpy and the PyPI package mlx write them.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install "mlx[cpu]==0.32.4" numpy
    /tmp/fixtures/bin/python scripts/fixtures_files.py

A file is its name, its bytes in base64, and the arrays in it by name: dtype, shape and row-major
little-endian bytes in hexadecimal.
"""

import base64
import io
import json
import pathlib
import tempfile

import mlx.core as mx
import numpy as np

FILE = pathlib.Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "files.json"
NUMPY = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16",
    "float32", "float64", "complex64",
]
numbers = np.random.default_rng(20240614)


def array(dtype, shape=(2, 3)):
    """Numbers of a type with all its bits at work."""
    count = int(np.prod(shape))
    if dtype == "bool":
        return numbers.integers(0, 2, shape).astype(bool)
    if np.issubdtype(dtype, np.integer):
        data = numbers.bytes(count * np.dtype(dtype).itemsize)
        return np.frombuffer(data, dtype).reshape(shape)
    real = numbers.normal(size=shape)
    if dtype == "complex64":
        real = real + 1j * numbers.normal(size=shape)
    return real.astype(dtype)


def packed(content, name=None):
    little = content.astype(content.dtype.newbyteorder("<"))
    return {
        "dtype": name or content.dtype.name, "shape": list(content.shape),
        "bits": np.ascontiguousarray(little).tobytes().hex(),
    }


def file(name, data, arrays, **more):
    return {"name": name, "data": base64.b64encode(data).decode(), "arrays": arrays} | more


def npy(name, content, version=None):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, content, version)
    return file(name, stream.getvalue(), {"": packed(content)})


def npz(name, save, arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return file(name, stream.getvalue(), {key: packed(value) for key, value in arrays.items()})


def numpy_files():
    found = []
    for dtype in NUMPY:
        content = array(dtype)
        found.append(npy(f"{dtype}.npy", content))
        if content.itemsize > 1:
            found.append(npy(f"{dtype} big-endian.npy", content.astype(content.dtype.newbyteorder(">"))))
        found.append(npy(f"{dtype} column-major.npy", np.asfortranarray(array(dtype, (2, 3, 2)))))
    for version in [(1, 0), (2, 0), (3, 0)]:
        found.append(npy(f"version {version[0]}.npy", array("int16"), version))
    turned = np.asfortranarray(array("float32", (3, 4)).astype(">f4"))
    found.append(npy("big-endian and column-major.npy", turned))
    found.append(npy("scalar.npy", array("float64", ())))
    found.append(npy("empty.npy", array("float32", (2, 0, 3))))
    arrays = {dtype: array(dtype) for dtype in NUMPY}
    arrays |= {"größe/../漢": array("int8"), "scalar": array("float32", ()),
               "empty": array("int32", (0,)), "columns": np.asfortranarray(array("int64")),
               "zeros": np.zeros((64, 32), np.float32)}
    found.append(npz("stored.npz", np.savez, arrays))
    found.append(npz("deflated.npz", np.savez_compressed, arrays))
    found.append(npz("nothing.npz", np.savez, {}))
    return found


def mlx_files():
    arrays, expected = {}, {}
    for dtype in NUMPY:
        content = array(dtype)
        arrays[dtype], expected[dtype] = mx.array(content, dtype=getattr(mx, content.dtype.name.replace("bool", "bool_"))), packed(content)
    bits = array("uint16")
    arrays["bfloat16"], expected["bfloat16"] = mx.array(bits).view(mx.bfloat16), packed(bits, "bfloat16")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, content in arrays.items():
            mx.save(str(folder / "a.npy"), content)
            data = (folder / "a.npy").read_bytes()
            found.append(file(f"mlx {name}.npy", data, {"": expected[name]}))
        for name, save in [("mlx.npz", mx.savez), ("mlx deflated.npz", mx.savez_compressed)]:
            save(str(folder / "a.npz"), **arrays)
            found.append(file(name, (folder / "a.npz").read_bytes(), expected))
        # The format as mlx knows it has no float64.
        known = {name: content for name, content in arrays.items() if name != "float64"}
        mx.save_safetensors(str(folder / "a.safetensors"), known, {"größe": "\"1\"\n"})
        found.append(file(
            "mlx.safetensors", (folder / "a.safetensors").read_bytes(),
            {name: expected[name] for name in known}, metadata={"größe": "\"1\"\n"}))
        known = {n: arrays[n] for n in ["float16", "float32", "int8", "int16", "int32"]}
        mx.save_gguf(str(folder / "a.gguf"), known)
        found.append(file("mlx.gguf", (folder / "a.gguf").read_bytes(),
                          {name: expected[name] for name in known}))
    return found


def main():
    mx.set_default_device(mx.cpu)
    files = numpy_files() + mlx_files()
    text = ",\n".join(json.dumps(item, ensure_ascii=False) for item in files)
    FILE.write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
