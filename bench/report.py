"""Writes docs/performance.md from what bench/run.sh measured: python3 report.py RESULTS_DIR COMMIT > performance.md"""

import collections
import json
import pathlib
import platform
import re
import subprocess
import sys

import report_contest
from tables import figure, scatter_text, table, time_text

UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


class Measured:
    """The repetitions of one benchmark."""

    def __init__(self, runs):
        self.label = runs[0].get("label", "")
        self.threads = runs[0].get("threads", 1)
        self.seconds = figure([run["real_time"] * UNITS[run["time_unit"]] for run in runs])
        self.rates = {key: figure([run[key] for run in runs])
                      for key in ("FLOP/s", "bytes_per_second", "per_operation", "steps/s", "of_limit") if key in runs[0]}


def plain_name(name):
    """Without what Google Benchmark appends for its own sake."""
    return re.sub(r"/(real_time|process_time|threads:1|repeats:\d+|min_time:[\d.]+)(?=/|$)", "", name)


def load(path):
    """Name → Measured, in the order of the file."""
    runs = collections.OrderedDict()
    for run in json.loads(path.read_text())["benchmarks"]:
        if run.get("run_type", "iteration") == "iteration" and not run.get("error_occurred"):
            runs.setdefault(plain_name(run["run_name"]), []).append(run)
    return {name: Measured(repetitions) for name, repetitions in runs.items()}


class Limits:
    """What bench/machine.cpp found, in FLOP/s and bytes per second."""

    def __init__(self, machine):
        self.machine = machine

    def rate(self, name, key):
        return self.machine[name].rates[key].most if name in self.machine else None

    def peak(self, dtype, threads=1):
        return self.rate(f"multiply_add/{dtype}" + (f"/threads:{threads}" if threads > 1 else ""), "FLOP/s")

    def copy(self, size=1 << 22, threads=1):
        return self.rate(f"copy/{size}" + (f"/threads:{threads}" if threads > 1 else ""), "bytes_per_second")


def share(rate, limit):
    return f"{100 * rate / limit:.0f} %" if limit else ""


def cpu_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def compiler_name(results):
    cache = (results.parent / "CMakeCache.txt").read_text()
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.MULTILINE).group(1)
    return subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def print_machine(results, limits):
    context = json.loads((results / "machine.json").read_text())["context"]
    caches = {f"L{cache['level']} {cache['size'] // 1024} KiB" for cache in context["caches"] if cache["type"] != "Instruction"}
    print("## The machine\n")
    print(f"{cpu_name()}, {context['num_cpus']} processors, {', '.join(sorted(caches))}; {compiler_name(results)}; "
          f"{context['date'][:10]}, load {context['load_avg'][0]:.1f} at the beginning.\n")
    threads = sorted({measured.threads for measured in limits.machine.values()})
    rows = []
    for dtype in ("f32", "f64"):
        rows.append([f"multiply-adds in registers, {dtype}"] + [f"{limits.peak(dtype, n) / 1e9:.0f} GFLOP/s" for n in threads])
    for size in sorted(int(name.split("/")[1]) for name in limits.machine if re.fullmatch(r"copy/\d+", name)):
        text = f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"
        rows.append([f"copy of {text}, read and written"] + [f"{limits.copy(size, n) / 1e9:.0f} GB/s" for n in threads])
    table(["limit"] + [f"{n} thread{'s' if n > 1 else ''}" for n in threads], rows)


def print_whole(path):
    whole = json.loads(path.read_text())
    print("## The whole of it\n")
    spread = lambda job: f"{job['median']:.2f} s ({job['seconds'][0]:.2f} – {job['seconds'][-1]:.2f})"
    table(["what a user waits for, and pays", "measured", "at most"], [
        ["`./dev compare`: 4 activations × 5 epochs on all processors", spread(whole["whole"]), ""],
        ["the same for relu alone", spread(whole["one_model"]), ""],
        ["start of the process, data read, one step, evaluation, pictures", spread(whole["start"]), ""],
        ["peak memory, one model", f"{whole['one_model']['memory_mb']:.0f} MB", "250 MB"],
        ["peak memory, models side by side", f"{whole['whole']['memory_mb']:.0f} MB", ""],
        ["a ten-line program compiles, by one of `<vector>`, `<string>`, `<iostream>`",
         f"{whole['compile']['ours']:.2f} s / {whole['compile']['standard']:.2f} s = {whole['compile']['ratio']:.2f}", "2.5"],
        ["the library", f"{whole['library_mb']:.1f} MB", "5 MB"],
    ])


def rate_text(measured, limits, name):
    rates = measured.rates
    own_limit = f"{100 * rates['of_limit'].median:.0f} %" if "of_limit" in rates else None  # beside one of the same process
    if "FLOP/s" in rates:
        rate = rates["FLOP/s"].median
        limit = limits.peak("f64" if "f64" in name else "f32", measured.threads)
        return f"{rate / 1e9:.1f} GFLOP/s", own_limit or share(rate, limit)
    if "bytes_per_second" in rates:
        rate = rates["bytes_per_second"].median
        return f"{rate / 1e9:.1f} GB/s", own_limit or share(rate, limits.copy(threads=measured.threads))
    if "steps/s" in rates:
        return f"{rates['steps/s'].median:.4g} steps/s", ""
    if "per_operation" in rates:
        return f"{time_text(rates['per_operation'].median)} an operation", ""
    return "", ""


def print_program(title, text, measured, limits):
    print(f"## {title}\n\n{text}\n")
    rows = [[f"`{name}`", scatter_text(m.seconds), *rate_text(m, limits, name)]
            for name, m in measured.items() if not name.startswith("limit/")]
    columns = ["", "time (least – most)", "rate", "of the limit"]
    while all(row[-1] == "" for row in rows) and len(columns) > 2:
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    table(columns, rows)


def print_operations(measured, limits):
    print("## Every operation\n")
    print("f32, about a million elements (bench/operations.cpp says how inputs are chosen and bytes counted); GB/s, and their "
          "share of a copy of 4 MiB, by all threads. What shares its input's memory is at no limit.\n")
    rows = []
    copy = limits.copy(threads=max(m.threads for m in limits.machine.values()))
    for name in dict.fromkeys(name.rsplit("/", 1)[0] for name in measured):
        row = [f"`{name}`"]
        for direction in ("forward", "backward"):
            m = measured.get(f"{name}/{direction}")
            rate = m.rates["bytes_per_second"].median if m else 0
            if m and rate > 4 * copy:
                row += [time_text(m.seconds.median), "", ""]
            elif m:
                row += [time_text(m.seconds.median), f"{rate / 1e9:.1f}", share(rate, copy)]
            else:
                row += ["", "", ""]
        rows.append(row + [measured[f"{name}/forward"].label])
    table(["operation", "forward", "GB/s", "", "backward", "GB/s", "", "inputs"], rows)


TITLES = {
    "main_job": ("The main job", "784 → 128 → 10 on Fashion-MNIST, batches of 32, Adam, f32: one warm epoch of 1,875 steps."),
    "tape": ("The tape", "What recording and the walk cost beside the arithmetic, in chains of 1,000 operations on one number."),
    "kernels": ("Kernels", "By one thread, beside the limits of one core."),
}


def main():
    results = pathlib.Path(sys.argv[1])
    measured = {path.stem: load(path) for path in sorted(results.glob("*.json")) if path.stem not in ("peers", "whole", "contest", "products")}
    limits = Limits(measured.pop("machine"))
    print("# Performance\n\nWritten by `./dev bench --peers --markdown`, with as many rounds as each table says. Figures of one sitting on one machine, which may have been "
          f"shared: ratios and shares say more than seconds. Measured was commit {sys.argv[2]}.\n")
    print_machine(results, limits)
    report_contest.print_all(results)
    print_whole(results / "whole.json")
    operations = measured.pop("operations", None)
    for name in [*(name for name in TITLES if name in measured), *(name for name in measured if name not in TITLES)]:
        title, text = TITLES.get(name, (name.capitalize().replace("_", " "), f"`bench/{name}.cpp`."))
        print_program(title, text, measured[name], limits)
    if operations:
        print_operations(operations, limits)


if __name__ == "__main__":
    main()
