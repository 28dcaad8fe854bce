"""What the reports share: figures with their scatter, times as text, tables in Markdown."""

import collections
import statistics

Figure = collections.namedtuple("Figure", "least median most")


def figure(values):
    return Figure(min(values), statistics.median(values), max(values))


def time_text(seconds):
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= scale:
            break
    return f"{seconds / scale:.3g} {unit}"


def scatter_text(f):
    return f"{time_text(f.median)} ({time_text(f.least)} – {time_text(f.most)})"


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|---" + "|--:" * (len(header) - 1) + "|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()
