"""From the figures of all rounds to summaries and Markdown."""

from __future__ import annotations

import statistics

import eager
from processes import EXPERIMENT, OURS, ROOT
from workloads import WORKLOADS

MEDIANS = ("ms", "cpu_ms", "cold_s", "first_s", "import_s", "rss_mb", "arena", "arena_naive")


def summary(result: dict, ours: dict | None, limits: dict[int, dict]) -> dict:
    """The figures of one contender over all rounds: medians, the minimum, and beside ours.

    result, ours: {"workload", "threads", "name", "runs"}; a run has its "round" and figures, or
    says "failed" or "missing" and why. ratio: the median over the rounds of our time by this one's,
    below 1 where we are faster; ahead: in how many of the `pairs` that is so. gflops, share: the
    products of a step by its time, and what part that is of the machine's limit (limits:
    threads -> {"gflops", ...}).
    """
    runs = [run for run in result["runs"] if "ms" in run]
    found = {key: result[key] for key in ("workload", "threads", "name")}
    for run in result["runs"]:
        found |= {key: run[key] for key in ("failed", "missing") if key in run}
    if not runs:
        return found
    found |= {key: statistics.median(run[key] for run in runs) for key in MEDIANS if key in runs[0]}
    found["ms_min"] = min(run["ms_min"] for run in runs)
    found["gflops"] = 1e-6 * WORKLOADS[result["workload"]].flops / found["ms"]
    limit = limits.get(result["threads"], {}).get("gflops")
    if limit:
        found["share"] = found["gflops"] / limit
    ratios = paired(ours["runs"] if ours else [], runs)
    if ratios and result is not ours:
        found["ratio"] = statistics.median(ratios)
        found["ahead"], found["pairs"] = sum(ratio < 1 for ratio in ratios), len(ratios)
    return found


def paired(ours: list[dict], theirs: list[dict]) -> list[float]:
    """Our time by theirs, for each round in which both have one."""
    times = {run["round"]: run["ms"] for run in ours if "ms" in run}
    return [
        times[run["round"]] / run["ms"] for run in theirs if "ms" in run and run["round"] in times
    ]


def summaries(results: list[dict], limits: dict[int, dict]) -> list[dict]:
    """One summary per result, in the same order."""
    ours = {(r["workload"], r["threads"]): r for r in results if r["name"] == OURS}
    return [summary(r, ours.get((r["workload"], r["threads"])), limits) for r in results]


def best_peer(rows: list[dict], workload: str, threads: int) -> dict | None:
    """The summary of the fastest peer, by its median; None where there is none."""
    peers = [
        row
        for row in rows
        if (row["workload"], row["threads"]) == (workload, threads)
        and not row["name"].startswith(OURS)
        and "ms" in row
    ]
    return min(peers, key=lambda row: row["ms"], default=None)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; short rows are filled up."""
    lines = [head, ["---"] * len(head)]
    lines += [row + [""] * (len(head) - len(row)) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def milliseconds(value: float) -> str:
    """Four digits, as 0.01523 or 43.79."""
    return f"{value:.4g}"


def share(row: dict) -> str:
    """The part of the limit, where that is known."""
    return f"{100 * row['share']:.0f} %" if "share" in row else ""


def seconds(row: dict, key: str) -> str:
    """Seconds, where they were measured."""
    return f"{row[key]:.2f}" if key in row else ""


def against(row: dict) -> list[str]:
    """The cells ours / this, ahead."""
    return (
        [f"{row['ratio']:.2f}", f"{row['ahead']} of {row['pairs']}"] if "ratio" in row else ["", ""]
    )


def reason(row: dict) -> str:
    """Why there are no (further) figures; what would break the table is taken out."""
    said = [f"{key}: {row[key]}" for key in ("failed", "missing") if key in row]
    return "; ".join(said).replace("|", "/")[:200]


def first_table(rows: list[dict]) -> str:
    """Ours beside the best peer."""
    head = ["workload", "threads", "ours, ms", "GFLOP/s", "of the sgemm limit"]
    head += ["best peer", "its ms", "ours / its", "ahead"]
    cells = []
    for row in rows:
        if row["name"] != OURS:
            continue
        line = [row["workload"], str(row["threads"])]
        if "ms" in row:
            line += [milliseconds(row["ms"]), f"{row['gflops']:.1f}", share(row)]
        else:
            line += [reason(row), "", ""]
        best = best_peer(rows, row["workload"], row["threads"])
        line += [best["name"], milliseconds(best["ms"]), *against(best)] if best else []
        cells.append(line)
    return table(head, cells)


def second_table(rows: list[dict]) -> str:
    """Every contender."""
    head = ["workload", "threads", "", "ms per step, median", "min", "ours / this", "ahead"]
    head += ["processor, ms", "first step, s: cold", "warm", "import, s", "peak MB", "of the limit"]
    cells = []
    for row in rows:
        line = [row["workload"], str(row["threads"]), row["name"]]
        if "ms" not in row:
            cells.append([*line, reason(row)])
            continue
        line += [milliseconds(row["ms"]), milliseconds(row["ms_min"]), *against(row)]
        line += [milliseconds(row["cpu_ms"])]
        line += [seconds(row, key) for key in ("cold_s", "first_s", "import_s")]
        line += [f"{row['rss_mb']:.0f}", share(row)]
        cells.append(line)
    return table(head, cells)


def arena_table(rows: list[dict]) -> str:
    """The memory of our programs; it does not depend on the number of threads."""
    seen = {row["workload"]: row for row in rows if row["name"] == OURS and "arena" in row}
    cells = [
        [name, *[f"{1e-6 * row[key]:.3g}" for key in ("arena", "arena_naive")],
         f"{100 * row['arena'] / max(row['arena_naive'], 1):.0f} %"]
        for name, row in seen.items()
    ]  # fmt: skip
    return table(["workload", "arena, MB", "without reuse, MB", ""], cells) if cells else ""


def limits_table(limits: dict[int, dict]) -> str:
    """What the machine can do."""
    cells = [
        [str(n), reason(found)]
        if "gflops" not in found
        else [str(n), f"{found['gflops']:.0f}", f"{found['copy_gbs']:.1f}"]
        for n, found in sorted(limits.items())
    ]
    return table(["threads", "sgemm, GFLOP/s", "copy, GB/s read and written"], cells)


def starts_table(starts: list[dict]) -> str:
    """The start of an experiment; starts: {"threads", "runs"}."""
    cells = []
    for each in starts:
        good = [run for run in each["runs"] if "s" in run]
        if good:
            keys = [key for key in ("cold_s", "s") if key in good[0]]
            middle = {key: statistics.median(run[key] for run in good) for key in keys}
            cells.append([str(each["threads"]), seconds(middle, "cold_s"), seconds(middle, "s")])
        else:
            cells.append([str(each["threads"]), reason(each["runs"][-1])])
    return table(["threads", "cold, s", "warm, s"], cells)


def markdown(found: dict) -> str:
    """The whole report of compare.py's findings."""
    limits = {int(n): each for n, each in found["limits"].items()}
    rows = summaries(found["results"], limits)
    names = dict.fromkeys(row["workload"] for row in rows)
    parts = [
        "# Train steps beside the peers",
        f"{found['machine']}, {found['cpus']} CPUs; {found['rounds']} interleaved rounds, float32; "
        + ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        + f"{loads(found['results'], found['cpus'])}. Made by `python -m framework bench`.",
        "\n".join(f"- {name}: {WORKLOADS[name].about}; {amount(name)}" for name in names),
    ]
    if rows:
        parts += [
            "Ours / its: the median over the rounds of our time by the peer's, below 1 where we "
            "are faster; ahead: in how many rounds. The sgemm limit is that of the same number of "
            "threads. Operations are those of the definition: Winograd's algorithm does 4/9 of the "
            "products of a 3 x 3 convolution, so W4 and W5 may pass the limit.",
            first_table(rows),
            "Cold: from the start of the process with an empty folder for compiled kernels; warm: "
            "with what an earlier process left there. Libraries that keep nothing are cold each "
            "time. Processor: what all threads together spent, whatever else ran on the machine.",
            second_table(rows),
        ]
    memory = arena_table(rows)
    if memory:
        parts += ["What our programs plan for the values between their lines:", memory]
    if found["starts"]:
        name = EXPERIMENT.relative_to(ROOT)
        parts += [
            f"From the start of `framework train {name}` to the end of its first epoch:",
            starts_table(found["starts"]),
        ]
    if found.get("eager"):
        parts += ["Run eagerly, op by op, on one thread:", eager.table(found["eager"])]
    for name, told in found.get("profiles", {}).items():
        text = f"```\n{told['profile']}\n```" if "profile" in told else reason(told)
        parts += [f"The lines of a step of {name}, one thread:", text]
    if limits:
        parts += ["What this machine can do (NumPy):", limits_table(limits)]
    return "\n\n".join(part for part in parts if part) + "\n"


def loads(results: list[dict], cpus: int) -> str:
    """How busy the machine was, this benchmark included, and what to make of it."""
    seen = [run["load"] for result in results for run in result["runs"] if "load" in run]
    if not seen:
        return ""
    told = f"; load average {min(seen):.1f} to {max(seen):.1f}"
    if max(seen) <= cpus + 1:
        return told
    return told + " (other work took part of the CPUs: compare the processor times)"


def amount(name: str) -> str:
    """Parameters and operations of a step in words."""
    workload = WORKLOADS[name]
    return f"{workload.parameters:,} parameters, {1e-6 * workload.flops:.4g} MFLOP per step"
