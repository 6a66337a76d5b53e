#!/usr/bin/env python3
"""Times this package and its peers in turns, and writes RESULTS.md.

    python3 run.py ops|train|models|lm [--rounds N] [--only REGEX] [--skip REGEX] [--peers torch,jax,…] [--add]
    python3 run.py threads [--rounds N]
    python3 run.py growth
    python3 run.py jobs [--rounds N] [--only REGEX] [--peers torch,mlx] [--ranks 2,4,…]

Cases of one family run together: ours, then each peer, in a process each, and the order turns round
every round, so that all meet the same minutes of the machine. A peer that is not installed is left
out. What is measured replaces the earlier figures of the same cases on the same kind of machine, or
with --add stands beside them as further rounds.
What other programs took of the processor while a case was timed is recorded with it; rounds that
lost more than 3 % to them do not count where there are others.

threads times ours with one thread and with all, in turns; growth times it at growing sizes; jobs times whole jobs of mlx-train on several processes beside
the same models in peers.
"""
import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import subprocess
import sys
from datetime import date

import bars
import jobs
import record
import threads
from host import cores, machine, openblas

PROGRAM = threads.PROGRAM
FAMILIES = {
    "ops": ("^mempeak", "^(matmul|linear)", "^(softmax|layernorm|sum|embed|sort)", "^(conv|avgpool)", "^sdpa", "^(eltwise|gelu)",
            "^r?fft", "^(power|cube|arctan2|remainder|tan)_", "^(concatenate|roll|take_along|put_along)", "^(variance|norm|logsoftmax|top10|batchnorm|groupnorm|stack|lstm|gru)_", "^dispatch"),
    "lm": ("_q4_1", "_q4_0", "_q8_0", "_bf16", "_fp32", "^tokenizer"),
    "models": tuple(f"^{model}$" for model in bars.MODELS),
    "train": ("^mlp", "^cnn", "^gpt_nano", "^gpt_small", "^llama135_full", "^llama135_lora"),
}
MODULES = {
    "torch": "torch", "jax": "jax", "mlx": "mlx.core", "mlx+openblas": "mlx.core", "llamacpp": "llama_cpp",
    "tokenizers": "tokenizers",
}
# lm takes seconds a case in each of these, and needs the files of peers/lm_models.py and
# peers/lm_vocabularies.py.
LM_PEERS = "llamacpp", "torch", "mlx+openblas", "tokenizers"
LM_FILES = record.HERE.parent / "data" / "lm"


def is_there(peer):
    try:
        found = importlib.util.find_spec(MODULES[peer]) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        print(f"{peer}: not installed, left out (pip install -r Benchmarks/requirements.txt)", file=sys.stderr)
    elif peer.endswith("+openblas") and not openblas():
        print(f"{peer}: this system has no OpenBLAS, left out", file=sys.stderr)
        return False
    return found


def command(peer, suite):
    if peer == "swift":
        return [str(PROGRAM), suite, *(lm_models() if suite == "lm" else [])], {}
    script = record.HERE / "peers" / f"{suite}_{peer.split('+')[0]}.py"
    extra = {"LD_PRELOAD": openblas()} if peer.endswith("+openblas") else {}
    return [sys.executable, str(script), "--peer", peer], extra


def lm_models():
    """The flags that name the models and the vocabularies."""
    files = {file.stem: file for file in sorted(LM_FILES.glob("*.gguf"))}
    files |= {"fp32": LM_FILES / "hf"} if (LM_FILES / "hf").exists() else {}
    words = [word for label, file in files.items() for word in ("--model", f"{label}={file}")]
    if (LM_FILES / "vocabularies").exists():
        words += ["--vocabularies", str(LM_FILES / "vocabularies")]
    if not words:
        sys.exit("run.py: make what is timed first: peers/lm_models.py MODEL.gguf data/lm, "
                 "peers/lm_vocabularies.py MODEL.gguf data/lm/vocabularies")
    return words


def measure(peer, suite, family, options):
    """The lines that a peer prints for a family of cases."""
    words, extra = command(peer, suite)
    only = family if not options.only else f"(?=.*({family}))(?=.*({options.only}))"
    words += ["--only", only, "--reps", str(options.reps)]
    words += ["--skip", options.skip] if options.skip else []
    words += ["--threads", str(options.threads)] if options.threads else []
    done = subprocess.run(words, env={**os.environ, **extra}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if "leave no case" in done.stderr:
        return []
    print(done.stderr, end="", file=sys.stderr)
    if done.returncode:
        print(f"{peer}: exit status {done.returncode}", file=sys.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for line in lines:
        shown = line["value"] if line["metric"] == "error" else f"{line['value']:.4g} {line['metric']}"
        lost = f"  ({line['waited']:.0%} lost)" if line.get("waited", 0) > record.CALM else ""
        print(f"  {peer:13} {line['case']:30} {shown}{lost}", file=sys.stderr, flush=True)
    return lines


def versions(peers):
    names = dict.fromkeys(MODULES[peer].split(".")[0].replace("_cpp", "-cpp-python") for peer in peers)
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)


def beside_peers(options):
    """Times the cases of a suite family by family, and keeps what comes out."""
    named = [peer for peer in options.peers.split(",") if peer]
    if options.suite == "lm":
        named = [peer for peer in named if peer in LM_PEERS]
    elif options.suite == "models":
        named = [peer for peer in named if peer == "torch"]
    else:
        named = [peer for peer in named if peer not in ("llamacpp", "tokenizers")]
    peers = [peer for peer in named if is_there(peer)]
    facts = f"{date.today()}, {options.threads or cores()} threads, {versions(peers)}"
    found_any = False
    for family in FAMILIES[options.suite]:
        lines = []
        for turn in range(options.rounds):
            order = ["swift", *peers]
            for peer in order if turn % 2 == 0 else reversed(order):
                lines += measure(peer, options.suite, family, options)
                if not lines:
                    break  # Not one case of ours is meant: no peer has more.
            if not lines:
                break
        found_any = found_any or bool(lines)
        for case in dict.fromkeys(line["case"] for line in lines):
            found = [line for line in lines if line["case"] == case]
            if len({line["ids"] for line in found if "ids" in line}) > 1:
                sys.exit(f"run.py: {case}: not all find the same ids")
            record.keep(machine(), options.suite, case, facts, found, options.add)
    if not found_any:
        sys.exit(f"run.py: --only and --skip leave no case of {options.suite}: see mlx-bench {options.suite} --only none")


def growth(options):
    done = subprocess.run([str(PROGRAM), "growth", "--reps", str(options.reps)], stdout=subprocess.PIPE, text=True, check=True)
    record.place("growth", f"\n{machine()}, {date.today()}.\n{done.stdout}")


def pattern(text):
    """A regular expression, as it is written."""
    try:
        re.compile(text)
    except re.error as fault:
        raise argparse.ArgumentTypeError(f"{text} is no regular expression: {fault}") from None
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=[*FAMILIES, "threads", "growth", "jobs"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--add", action="store_true", help="keep the earlier rounds too")
    parser.add_argument("--only", type=pattern)
    parser.add_argument("--skip", type=pattern)
    parser.add_argument("--ranks", help="jobs: the numbers of processes")
    parser.add_argument("--peers", default=",".join(record.PEERS))
    options = parser.parse_args()
    unknown = [peer for peer in options.peers.split(",") if peer and peer not in MODULES]
    if unknown:
        sys.exit(f"run.py: no such peer: {', '.join(unknown)} (there are {', '.join(MODULES)})")
    if options.suite != "jobs" and not PROGRAM.exists():
        sys.exit("run.py: build first: (cd Benchmarks && swift build -c release)")
    if options.suite == "jobs" and not (jobs.BUILT / "mlx-train").exists():
        sys.exit("run.py: build first: swift build -c release")
    {"threads": threads.run, "growth": growth, "jobs": jobs.run}.get(options.suite, beside_peers)(options)


if __name__ == "__main__":
    main()
