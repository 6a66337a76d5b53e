"""What the peers' scripts share: flags, timing, one JSON line a case (as `mlx-bench` prints them)."""
import argparse
import json
import os
import re
import statistics
import sys
from pathlib import Path
from time import perf_counter as now

ENOUGH = 8.0  # seconds for the samples of a case, once there are three
WARM = 0.2  # seconds of calls that do not count, at least two
SHORTEST = 0.004  # seconds of a sample; shorter calls are timed several at once


def flags(peer):
    """The flags; numerical libraries are held to the number of threads before they are loaded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", default=peer)
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="$^")
    parser.add_argument("--reps", type=int, default=9)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    wanted = {f"{library}_NUM_THREADS": str(options.threads) for library in ("OMP", "OPENBLAS", "MKL")}
    if any(os.environ.get(name) != count for name, count in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})
    # XLA takes as many threads as the process may use cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    return options


def samples(function, reps):
    begin, calls = now(), 0
    while calls < 2 and now() - begin < ENOUGH / 2 or now() - begin < WARM:
        function()
        calls += 1
    start = now()
    function()
    batch = max(1, int(SHORTEST / max(now() - start, 1e-7)))
    times, before = [], waited()
    while len(times) < reps and (len(times) < 3 or sum(times) * batch <= ENOUGH):
        start = now()
        for _ in range(batch):
            function()
        times.append((now() - start) / batch)
    return times, (waited() - before) / (sum(times) * batch)


def waited():
    """Seconds that this process's threads were ready to run and had no core, as others had it."""
    tasks = Path("/proc/self/task").glob("*/schedstat")  # nanoseconds run, nanoseconds waited, turns
    return sum(int(task.read_text().split()[1]) for task in tasks) / 1e9


def memory(field):
    """A figure of the process's memory (VmRSS, VmHWM) in MiB."""
    return int(re.search(field + r":\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def reset_peak():
    Path("/proc/self/clear_refs").write_text("5")


def run(options, cases):
    """Times what is wanted of {name: (metric, value of the median seconds, maker, notes)}."""
    for name, (metric, value, make, *notes) in cases.items():
        if not re.search(options.only, name) or re.search(options.skip, name):
            continue
        line = {"case": name, "peer": options.peer, "median_s": None, "min_s": None}
        try:
            times, waited_s = samples(make(), options.reps)
            middle = statistics.median(times)
            line |= {"median_s": middle, "min_s": min(times), "metric": metric, "value": value(middle)}
            line |= {"n": len(times), "waited": round(waited_s / options.threads, 3), **(notes[0]() if notes else {})}
        except Exception as error:
            line |= {"metric": "error", "value": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps(line), flush=True)
