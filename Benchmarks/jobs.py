"""Whole training jobs on one process and on several, beside data-parallel training in peers.

    python3 run.py jobs [--rounds N] [--only REGEX] [--peers torch,mlx] [--ranks 1,2,4]

Ours are jobs of mlx-train under mlx-launch, with their data, metrics and all; the peers are loops of
peers/jobs_torch.py (DistributedDataParallel over gloo) and peers/jobs_mlx.py (over MPI, with the
system's OpenBLAS) on one batch in memory. The batch of all ranks together is the same (fixed), or each rank's is (by rank). The time
of a step is the median of a job's steps after the first five.
"""
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import record
from host import cores, machine, openblas

ROOT = record.HERE.parent
BUILT = ROOT / ".build/release"
# A step of the small model takes milliseconds: more of them make as steady a median.
STEPS = {"gpt_nano": 25, "mlp": 400, "gpt_small": 25}
FIRST = 5
GPT = {"type": "gpt", "heads": 4, "layers": 4, "width": 256, "context": 256}
# name: (model, samples a step, units a sample, unit)
CASES = {
    "gpt_nano": (GPT, 16, 256, "tokens/s"),
    "mlp": ({"type": "mlp", "hidden": [512, 512]}, 256, 1, "samples/s"),
    "gpt_small": (GPT | {"heads": 6, "layers": 6, "width": 384}, 8, 256, "tokens/s"),
}
BY_RANK = ("gpt_small",)


def write_data(folder):
    """Random letters of 65 kinds, and random images in numpy's format."""
    draw = random.Random(7)
    letters = "".join(chr(33 + k) for k in range(65))
    (folder / "text.txt").write_text("".join(draw.choices(letters, k=1 << 20)))
    header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }"
    count = 8192
    for name, kind, shape, bytes_ in (
        ("images", "|u1", f"{count}, 28, 28", draw.randbytes(count * 784)),
        ("labels", "|u1", f"{count},", bytes(k % 10 for k in range(count))),
    ):
        text = header % (kind, shape)
        text += " " * (-(len(text) + 11) % 64) + "\n"
        head = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
        (folder / f"{name}.npy").write_bytes(head + bytes_)


def take(count):
    """Keeps what is started to so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def config(case, batch, folder, half):
    model, _, _, _ = CASES[case]
    text = {"format": "text", "path": str(folder / "text.txt"), "test_fraction": 0.01}
    images = {"format": "npy", "images": str(folder / "images.npy"), "labels": str(folder / "labels.npy"), "scale": 255}
    training = {"steps": STEPS[case], "global_batch_size": batch}
    return {
        "name": case, "seed": 7, "model": model, "data": images if case == "mlp" else text,
        "optimizer": {"type": "adamw", "learning_rate": 0.001, "weight_decay": 0.01},
        "training": training | ({"precision": "bfloat16"} if half else {}),
        "checkpoint": {"every_steps": 0}, "metrics": {"every_steps": 1},
    }


def ours(case, ranks, threads, batch, folder, half=False):
    """Seconds of a step of a job of mlx-train."""
    output = Path(tempfile.mkdtemp(dir=folder))
    job = config(case, batch, folder, half)
    job["training"]["micro_batch_size"] = batch // ranks
    (output / "job.json").write_text(json.dumps(job))
    words = [BUILT / "mlx-train", "--config", output / "job.json", "--output", output / "run"]
    if ranks > 1:
        words = [BUILT / "mlx-launch", "-n", str(ranks), "--transport", "zmq", "--", *words]
    # A rank computes with its share of the cores that the job may use.
    done = subprocess.run(
        list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: take(ranks * threads))
    if done.returncode:
        sys.exit(f"run.py: {case} on {ranks} ranks ended with {done.returncode}:\n{done.stdout[-2000:]}")
    lines = map(json.loads, (output / "run/metrics.jsonl").read_text().splitlines())
    seconds = [line["step_seconds"] for line in lines if line.get("event") == "train"]
    return statistics.median(seconds[FIRST:])


def peer(name, case, ranks, threads, batch):
    """Seconds of a step of a peer."""
    words = [sys.executable, str(record.HERE / f"peers/jobs_{name}.py"), "--case", case, "--ranks", str(ranks)]
    words += ["--threads", str(threads), "--batch", str(batch // ranks), "--steps", str(STEPS[case])]
    extra = {"LD_PRELOAD": openblas()} if name == "mlx" and openblas() else {}
    done = subprocess.run(
        words, env=os.environ | extra, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        preexec_fn=lambda: take(ranks * threads))
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines[-1]["seconds"] if lines else None


def run(options):
    count = options.threads or cores()
    ranks = [int(word) for word in (options.ranks or str(count)).split(",")]
    peers = [name for name in ("torch", "mlx") if name in options.peers.split(",")]
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(folder)
        for turn in range(options.rounds):
            plan = [step for case in CASES if re.search(options.only or "", case) for step in steps(case, ranks, count, peers)]
            for who, case, n, threads in plan if turn % 2 == 0 else reversed(plan):
                _, batch, units, unit = CASES[case]
                whole = batch * n if case in BY_RANK else batch
                kind = who.split("-")[0]
                seconds = (
                    ours(case, n, threads, whole, folder, half=who.endswith("bf16")) if kind == "swift"
                    else peer(kind, case, n, threads, whole))
                if seconds is None:
                    continue
                value = whole * units / seconds
                print(f"  {case:10} {who:10} {n} x {threads}: {value:.4g} {unit}", file=sys.stderr, flush=True)
                found.setdefault((case, who, n, threads), []).append(value)
    text = table(found)
    print(text)
    record.place("jobs", f"\n{machine()}, {date.today()}, rounds: {options.rounds}.\n\n{text}")


def steps(case, ranks, count, peers):
    """(who, case, processes, threads of each)"""
    yield "swift", case, 1, 1
    if case not in BY_RANK:
        yield "swift", case, 1, count
    for n in ranks:
        if n > 1:
            yield "swift", case, n, 1
            if case != "mlp":
                yield "swift-bf16", case, n, 1
            for name in peers:
                yield name, case, n, 1


def table(found):
    middle = {key: statistics.median(values) for key, values in found.items()}
    rows = ["| case | processes × threads | ours | ÷ (1 × 1) ÷ processes | ÷ 1 × all threads | ours, bfloat16 | torch DDP | ours ÷ torch | mlx | ours ÷ mlx |",
            "|---" * 10 + "|"]
    for case, who, n, threads in middle:
        if who != "swift":
            continue
        value = middle[case, who, n, threads]
        one = middle[case, "swift", 1, 1]
        whole = [v for (c, w, p, t), v in middle.items() if (c, w, p) == (case, "swift", 1) and t > 1]
        cells = [f"`{case}`{' (batch by rank)' if case in BY_RANK else ''}", f"{n} × {threads}", spread(found[case, who, n, threads])]
        cells += [f"{value / one / n:.3f}" if n > 1 else "", f"{value / whole[0]:.2f}" if n > 1 and whole else ""]
        cells.append(spread(found.get((case, "swift-bf16", n, threads))))
        for name in "torch", "mlx":
            other = middle.get((case, name, n, threads))
            cells += [spread(found.get((case, name, n, threads))), f"{value / other:.2f}" if other else ""]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def spread(values):
    return record.cell(values) if values else ""
