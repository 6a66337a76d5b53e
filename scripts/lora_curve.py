#!/usr/bin/env python3
"""Holds the loss of a LoRA fine-tuning of SmolLM2 against mlx-lm's, step by step.

    scripts/lora_curve.py [--steps N] [--work FOLDER]

Both train the same float32 model from the same adapter on the same records, in the same order and
with the same masks: this script writes the adapter that mlx-lm begins with, gives it to a job of
mlx-train, and repeats that job's order. mlx-lm's trainer runs with a loss and batches of this script's,
without the faults of its own: a token of padding that counts in each row's loss, and an order that
depends on when it evaluates. Exits 1 where a loss differs by more than 1 %.

Needs the products in .build/release (swift build -c release), data/smollm2 and data/sayings-chat
(scripts/fetch-data.sh), and the packages mlx-lm and transformers. Five minutes on two cores.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Benchmarks"))

from host import openblas

SEED, RECORDS, LONGEST, BATCH = 11, 60, 48, 2
RANK, SCALE, RATE, DECAY = 8, 20.0, 2e-5, 0.01
MASK64 = (1 << 64) - 1


class SplitMix64:
    """The generator of mlx-train's orders (Steele, Lea, Flood 2014)."""

    def __init__(self, seed, stream):
        self.state = seed
        self.state = self.next() ^ stream
        self.state = self.next()

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK64
        bits = self.state
        bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & MASK64
        bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & MASK64
        return bits ^ bits >> 31

    def below(self, bound):
        product = self.next() * bound
        while product & MASK64 < ((1 << 64) - bound) % bound:
            product = self.next() * bound
        return product >> 64


def order(count, epoch):
    """The samples of an epoch in mlx-train's order."""
    generator, places = SplitMix64(SEED, epoch + 1), list(range(count))
    for last in range(count - 1, 0, -1):
        other = generator.below(last + 1)
        places[last], places[other] = places[other], places[last]
    return places


def program(name):
    path = ROOT / ".build/release" / name
    if not path.exists():
        sys.exit(f"lora_curve.py: {path} is missing: run swift build -c release")
    return str(path)


def found(pattern, fetch):
    files = sorted((ROOT / "data").glob(pattern))
    if not files:
        sys.exit(f"lora_curve.py: data/{pattern} is missing: run scripts/fetch-data.sh {fetch}")
    return files[0]


def encoded(tokenizer, record):
    """The tokens of a record, and from where on they are learned."""
    asked = [{"role": "user", "content": record["prompt"]}]
    whole = tokenizer.apply_chat_template(
        asked + [{"role": "assistant", "content": record["completion"]}], return_dict=False)
    first = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=False)
    return whole, len(first)


def chosen(tokenizer):
    """The first records that are short."""
    with open(found("sayings-chat/train.jsonl", "sayings-chat"), encoding="utf-8") as lines:
        records = (json.loads(line) for line in lines)
        kept = [record for record in records if len(encoded(tokenizer, record)[0]) <= LONGEST]
    return kept[:RECORDS]


def theirs(model, rows, steps, adapter):
    """The losses of mlx-lm's trainer; the adapter that it begins with goes to a folder."""
    import mlx.core as mx
    import mlx.nn as nn
    import mlx.optimizers as optimizers
    import numpy as np
    from mlx.utils import tree_flatten
    from mlx_lm.tuner.trainer import TrainingArgs, train
    from mlx_lm.tuner.utils import linear_to_lora_layers
    from mlx_lm.utils import load_model

    mx.set_default_device(mx.cpu)
    mx.random.seed(SEED)
    network, _ = load_model(model)
    network.freeze()
    parameters = {"rank": RANK, "scale": SCALE, "dropout": 0.0}
    linear_to_lora_layers(network, len(network.layers), parameters)
    adapter.mkdir()
    mx.save_safetensors(
        str(adapter / "adapters.safetensors"), dict(tree_flatten(network.trainable_parameters())))
    (adapter / "adapter_config.json").write_text(json.dumps({
        "fine_tune_type": "lora", "num_layers": len(network.layers), "lora_parameters": parameters}))

    def batches(**_):
        epoch = 0
        while True:
            places = order(len(rows), epoch)
            for start in range(0, len(places), BATCH):
                picked = [rows[place] for place in places[start:start + BATCH]]
                batch = np.zeros((len(picked), max(len(row[0]) for row in picked)), np.int32)
                for row, (tokens, _) in zip(batch, picked):
                    row[:len(tokens)] = tokens
                yield mx.array(batch), mx.array([(begin, len(tokens)) for tokens, begin in picked])
            epoch += 1

    def loss(network, batch, bounds):
        targets = batch[:, 1:]
        places = mx.arange(1, batch.shape[1])
        mask = mx.logical_and(places >= bounds[:, :1], places < bounds[:, 1:])
        count = mask.sum()
        return (nn.losses.cross_entropy(network(batch[:, :-1]), targets) * mask).sum() / count, count

    losses = []

    class Report:
        def on_train_loss_report(self, line):
            losses.append(line["train_loss"])

    train(
        network, optimizers.AdamW(RATE, weight_decay=DECAY), rows,
        args=TrainingArgs(batch_size=BATCH, iters=steps, steps_per_report=1, steps_per_save=10**9,
                          adapter_file=str(adapter.parent / "mlx.safetensors")),
        loss=loss, iterate_batches=batches, training_callback=Report())
    return losses


def ours(model, data, steps, adapter, output):
    """The losses of a job of mlx-train."""
    held = output.parent / "valid.jsonl"
    job = {
        "name": "curve", "seed": SEED, "model": {"type": "pretrained", "path": str(model)},
        "adapter": {"type": "lora", "rank": RANK, "scale": SCALE, "layers": -1, "path": str(adapter)},
        "data": {"format": "jsonl", "path": str(data), "test_path": str(held), "max_seq_length": LONGEST},
        "optimizer": {"type": "adamw", "learning_rate": RATE, "weight_decay": DECAY,
                      "bias_correction": False},
        "training": {"steps": steps, "global_batch_size": BATCH}, "metrics": {"every_steps": 1},
    }
    file = output.parent / "curve.json"
    held.write_text(data.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    file.write_text(json.dumps(job))
    words = [program("mlx-train"), "--config", str(file), "--output", str(output)]
    subprocess.run(words, check=True, env={name: os.environ[name] for name in os.environ if name != "LD_PRELOAD"})
    lines = map(json.loads, (output / "metrics.jsonl").read_text().splitlines())
    return [line["loss"] for line in lines if line["event"] == "train"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--work", type=Path, help="where files go; a temporary folder unless set")
    options = parser.parse_args()
    # The wheel of mlx brings a BLAS that is ten times slower than the system's.
    if openblas() and "LD_PRELOAD" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "LD_PRELOAD": openblas()})
    from transformers import AutoTokenizer

    work = Path(tempfile.mkdtemp(prefix="lora-curve-")) if options.work is None else options.work
    work.mkdir(parents=True, exist_ok=True)
    model = work / "model"
    if not model.exists():
        subprocess.run([program("mlx-lm"), "convert", "--hf-path", str(found("smollm2/*.gguf", "smollm2")),
                        "--mlx-path", str(model), "--dequantize", "--dtype", "float32"], check=True)
    tokenizer = AutoTokenizer.from_pretrained(model)
    records = chosen(tokenizer)
    data = work / "train.jsonl"
    data.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    for name in "adapter", "run":
        shutil.rmtree(work / name, ignore_errors=True)
    rows = [encoded(tokenizer, record) for record in records]
    peer = theirs(model, rows, options.steps, work / "adapter")
    own = ours(model, data, options.steps, work / "adapter", work / "run")
    if options.work is None:
        shutil.rmtree(work)
    if len(own) != options.steps or len(peer) != options.steps:
        sys.exit(f"lora_curve.py: {len(own)} and {len(peer)} losses of {options.steps} steps")
    print("step   mlx-train      mlx-lm  difference")
    worst = 0.0
    for step, (mine, other) in enumerate(zip(own, peer), 1):
        difference = abs(mine - other) / other
        worst = max(worst, difference)
        print(f"{step:4} {mine:11.6f} {other:11.6f}  {100 * difference:8.4f} %")
    print(f"largest difference of {options.steps} steps: {100 * worst:.4f} %, bar 1 %")
    sys.exit(worst > 0.01)


if __name__ == "__main__":
    main()
