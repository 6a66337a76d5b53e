"""What the data-parallel peers share: flags, starting the ranks, timing, one JSON line."""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
from time import perf_counter as now

import train

FIRST = 5  # steps that do not count


def flags():
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", choices=["mlp", *train.GPTS], required=True)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, required=True, help="samples of a rank")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    # What train_*.py reads when it is imported: nothing of it is timed.
    sys.argv = [sys.argv[0], "--only", "$^", "--threads", str(options.threads)]
    options.cores = os.sched_getaffinity(0)
    return options


def size(options):
    return train.GPTS.get(options.case)


def start(options, mpi=False):
    """Runs this script on all ranks and ends with their status."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    words = [sys.executable, os.path.abspath(sys.argv[0])]
    for name in "case", "ranks", "threads", "batch", "steps":
        words += [f"--{name}", str(getattr(options, name))]
    words += ["--port", str(port), "--rank"]
    environment = os.environ | {f"{name}_NUM_THREADS": str(options.threads) for name in ("OMP", "OPENBLAS", "MKL")}
    if mpi:
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        mpirun = ["mpirun", *root, "--oversubscribe", "--bind-to", "none", "-n", str(options.ranks)]
        sys.exit(subprocess.run([*mpirun, *words, "0"], env=environment).returncode)
    ranks = [subprocess.Popen([*words, str(rank)], env=environment) for rank in range(options.ranks)]
    sys.exit(max(rank.wait() for rank in ranks))


def measure(options, step, barrier, rank):
    os.sched_setaffinity(0, options.cores)  # of which train_*.py leaves one
    times = []
    for _ in range(options.steps):
        barrier()
        start = now()
        step()
        times.append(now() - start)
    if rank == 0:
        print(json.dumps({"case": options.case, "seconds": statistics.median(times[FIRST:])}), flush=True)
