"""What a second thread gives (and a third, …): ours with one thread and with all, in turns."""
import json
import statistics
import subprocess
import sys
from datetime import date

import record
from host import cores, machine

PROGRAM = record.HERE / ".build/release/mlx-bench"
# With two threads what arithmetic bounds must gain 1.8, what memory bounds 0.95 of what the triad gains;
# with sixteen steps must gain 10.
ARITHMETIC = {
    "ops": ("matmul_f32_1024", "matmul_f32_2048", "conv_64ch_fwdbwd", "sdpa_causal_fwd", "sdpa_causal_fwdbwd"),
    "train": ("mlp_eager", "cnn_eager", "gpt_nano_eager"),
}
MEMORY = {"ops": ("sum_axis1_4096", "eltwise_2^24_compiled"), "optimizer": ("triad", "adamw_100m")}


def run(options):
    count = options.threads or cores()
    seconds = {}
    for turn in range(options.rounds):
        for suites in ARITHMETIC, MEMORY:
            for suite, cases in suites.items():
                for threads in (1, count) if turn % 2 == 0 else (count, 1):
                    for case, median in measure(suite, cases, threads, options.reps):
                        seconds.setdefault((case, threads), []).append(median)
    middle = {key: statistics.median(found) for key, found in seconds.items()}
    record.place("threads", f"\n{machine()}, {date.today()}, rounds: {options.rounds}.\n\n" + table(middle, count))


def measure(suite, cases, threads, reps):
    only = "^(" + "|".join(case.replace("^", r"\^") for case in cases) + ")$"
    words = [str(PROGRAM), suite, "--only", only, "--threads", str(threads), "--reps", str(reps)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    for line in map(json.loads, done.stdout.splitlines()):
        print(f"  {threads} threads {line['case']:24} {line['median_s']:.4g} s", file=sys.stderr, flush=True)
        yield line["case"], line["median_s"]


def table(middle, count):
    gain = {case: middle[case, 1] / middle[case, count] for case, _ in middle}
    rows = [f"| case | 1 thread, s | {count} threads, s | gain | bar | met |", "|---" * 6 + "|"]
    arithmetic = {2: {"ops": 1.8, "train": 1.8}, 16: {"train": 10}}.get(count, {})
    memory = 0.95 * gain["triad"] if count == 2 else None
    for suites in ARITHMETIC, MEMORY:
        for suite, cases in suites.items():
            bar = arithmetic.get(suite) if suites is ARITHMETIC else memory
            for case in cases:
                words = ("", "") if case == "triad" or not bar else (f"≥ {bar:.2f}", "yes" if gain[case] >= bar else "**no**")
                figures = [f"{middle[case, threads]:.4g}" for threads in (1, count)] + [f"{gain[case]:.2f}"]
                rows.append("| " + " | ".join([f"`{case}`", *figures, *words]) + " |")
    return "\n".join(rows) + "\n"
