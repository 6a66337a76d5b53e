"""What a second thread gives (and a third, …): ours with one thread and with all, in turns."""
import json
import statistics
import subprocess
import sys
from datetime import date

import record
from host import cores, machine

PROGRAM = record.HERE / ".build/release/mlx-bench"
# What arithmetic bounds must gain 0.9 of each further thread; what memory bounds 0.95 of what the
# triad gains.
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
    for suites, bar in (ARITHMETIC, 0.9 * count), (MEMORY, 0.95 * gain["triad"]):
        for case in (case for cases in suites.values() for case in cases):
            words = ("", "") if case == "triad" else (f"≥ {bar:.2f}", "yes" if gain[case] >= bar else "**no**")
            figures = [f"{middle[case, threads]:.4g}" for threads in (1, count)] + [f"{gain[case]:.2f}"]
            rows.append("| " + " | ".join([f"`{case}`", *figures, *words]) + " |")
    return "\n".join(rows) + "\n"
