"""Figures kept in results.json, a machine and suite at a time, and the tables made of them."""
import json
import re
import statistics
from pathlib import Path

from bars import best, ratio, verdict

HERE = Path(__file__).parent
FIGURES, TABLES = HERE / "results.json", HERE / "RESULTS.md"
PEERS = "torch", "jax", "mlx+openblas", "mlx", "llamacpp", "tokenizers"
CALM = 0.03  # the share of the processor that others may take from a round that counts


def keep(machine, suite, case, versions, lines, add):
    """Keeps the lines of a run, in place of those of the case so far unless they are added to them,
    and writes the tables anew."""
    figures = load()
    cases = figures.setdefault(machine, {}).setdefault(suite, {})
    earlier = cases[case]["lines"] if add and case in cases else []
    cases[case] = {"versions": versions, "lines": earlier + lines}
    FIGURES.write_text(json.dumps(figures, indent=0, ensure_ascii=False) + "\n")
    place("peers", tables(figures))


def place(name, text):
    """Puts a text between its marks in RESULTS.md."""
    begin, end = f"<!-- {name} begin -->", f"<!-- {name} end -->"
    pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.S)
    TABLES.write_text(pattern.sub(lambda _: f"{begin}\n{text}{end}", TABLES.read_text()))


def load():
    return json.loads(FIGURES.read_text()) if FIGURES.exists() else {}


def tables(figures):
    parts = []
    for machine, suites in figures.items():
        for suite, cases in suites.items():
            parts.append(f"\n### {suite}: {machine}\n\n" + table(cases))
    return "".join(parts)


def calm(lines):
    """The lines that lost little of the processor to other programs; of a peer without such a line
    the calmest one."""
    kept = []
    for peer in dict.fromkeys(line["peer"] for line in lines):
        own = sorted((line for line in lines if line["peer"] == peer), key=lambda line: line.get("waited", 0))
        kept += [line for line in own if line.get("waited", 0) <= CALM] or own[:1]
    return kept


def median(values):
    """The middle of rounds, and half their range as a share of it."""
    middle = statistics.median(values)
    return middle, (max(values) - min(values)) / 2 / abs(middle) if middle else 0.0


def table(cases):
    lines = [line for rounds in cases.values() for line in calm(rounds["lines"])]
    values = {}
    for line in lines:
        if line["metric"] != "error":
            values.setdefault((line["case"], line["peer"]), []).append(line["value"])
    metrics = {line["case"]: line["metric"] for line in lines if line["metric"] != "error"}
    loud = {line["case"]: line.get("waited", 0) for line in sorted(lines, key=lambda line: line.get("waited", 0))}
    middle = {key: median(found)[0] for key, found in values.items()}
    shown = [peer for peer in PEERS if any(key[1] == peer for key in values)]
    head = ["case", "unit", "ours", *shown, "ours ÷ best", "bar", "met", "rounds"]
    rows = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for case, metric in metrics.items():
        rows.append("| " + " | ".join(row(case, metric, values, middle, shown, loud)) + " |")
    versions = sorted({rounds["versions"] for rounds in cases.values()})
    return "\n".join(rows) + "\n\n" + "".join(f"{text}  \n" for text in versions)


def row(case, metric, values, middle, shown, loud):
    ours = middle.get((case, "swift"))
    leader = best(case, metric, middle)
    times = ratio(metric, ours, leader)
    words, met = verdict(case, metric, ours, middle) if ours is not None else ("", "")
    unit = metric.split(" over")[0]
    rounds = str(max(len(values[key]) for key in values if key[0] == case))
    if loud.get(case, 0) > CALM:
        rounds += f", {loud[case]:.0%} lost"
    cells = [cell(values.get((case, peer))) for peer in ("swift", *shown)]
    against = f"{times:.2f} ({leader[0]})" if times else ""
    return [f"`{case}`", unit, *cells, against, words, met, rounds]


def cell(found):
    if not found:
        return "–"
    middle, spread = median(found)
    return f"{middle:.4g}" + (f" ±{100 * spread:.0f} %" if len(found) > 1 else "")
