"""From the launch to the first collective of a job on this machine.

    python3 startup.py [--ranks 8] [--rounds 9] [--launchers mlx-launch,mpirun]

A round starts `mlx-train bench-collectives` under each launcher in turns. Its first line comes when all
ranks have met: they have told each other their nodes and cores and share memory. Median and slowest, in
seconds.
"""
import argparse
import os
import statistics
import subprocess
import sys
from time import perf_counter as now

import record

BUILT = record.HERE.parent / ".build/release"


def command(launcher, ranks):
    if launcher == "mlx-launch":
        words = [BUILT / "mlx-launch", "-n", ranks, "--transport", "zmq", "--"]
    else:
        root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
        words = ["mpirun", *root, "--oversubscribe", "--bind-to", "none", "-n", ranks]
    words += [BUILT / "mlx-train", "bench-collectives", "--smallest", 4, "--largest", 4]
    return list(map(str, [*words, "--seconds", 0.001]))


def first_line(words):
    """Seconds until the program writes a line."""
    start = now()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as job:
        # mlx-launch marks each line with its rank.
        if "bytes" not in job.stdout.readline():
            sys.exit(f"startup.py: the job does not begin: {' '.join(words)}")
        took = now() - start
        job.stdout.read()
    if job.returncode:
        sys.exit(f"startup.py: the job ended with {job.returncode}: {' '.join(words)}")
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--launchers", default="mlx-launch,mpirun")
    options = parser.parse_args()
    launchers = options.launchers.split(",")
    found = {launcher: [] for launcher in launchers}
    for turn in range(options.rounds):
        for launcher in launchers if turn % 2 == 0 else reversed(launchers):
            found[launcher].append(first_line(command(launcher, options.ranks)))
    for launcher, times in found.items():
        print(f"{launcher}, {options.ranks} ranks: median {statistics.median(times):.2f} s, slowest {max(times):.2f} s")


if __name__ == "__main__":
    main()
