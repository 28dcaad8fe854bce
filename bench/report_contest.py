"""The part of docs/performance.md that stands beside others: what compare.py, contest.py and products measured."""

import json
import math
import statistics

from tables import figure, table, time_text

OURS = "wengert"


def ratios_table(result):
    """A row for each contestant: its time, and its ratio to ours of the same round."""
    ours = result["seconds"][OURS]
    rows = []
    for name, theirs in result["seconds"].items():
        ratio = figure([a / b for a, b in zip(theirs, ours)])
        rows.append([name, time_text(statistics.median(theirs)), f"{ratio.least:.2f}", f"{ratio.median:.2f}", f"{ratio.most:.2f}"])
    rounds = max(map(len, result["seconds"].values()))
    print(f"**{result['work']}** ({rounds} round{'s' if rounds > 1 else ''})\n")
    if result.get("note"):
        print(result["note"] + "\n")
    table(["", "time", "least ratio", "median ratio", "largest ratio"], rows)


def print_gradients(lines):
    """How many times the function itself the value with the gradient takes."""
    medians = {line["work"]: {name: statistics.median(s) for name, s in line["seconds"].items()} for line in lines}
    rows = []
    for work, gradient in medians.items():
        subject, _, what = work.rpartition(": ")
        function = medians.get(f"{subject}: value")
        if what != "value and gradient" or not function:
            continue
        for name in gradient:
            rows.append([f"{subject}, {name}", f"{gradient[name] / function[name]:.2f}"])
    if rows:
        print("Value and gradient by the value alone:\n")
        table(["", "times"], rows)


def print_growth():
    print("### How a step grows\n")
    print("![time of a training step against width, depth and batch](images/growth.svg)\n")
    print("A step of the network of mlp1024 at width 256, depth 2 and batch 128, one of which varies.\n")


def shape_text(product):
    transposed = ", A transposed" if product["transpose_a"] else ""
    return f"{product['m']} × {product['n']} × {product['k']}{transposed}"


def by_best_other(product):
    return product["rates"][OURS] / max(rate for name, rate in product["rates"].items() if name != OURS)


def print_products(products):
    print("### Products\n")
    print("m × n × k, one thread, GFLOP/s, the best of several rounds; libraries that are installed take part, with their "
          "kernels for this instruction set. Random shapes: m, n and k spread evenly by their logarithms from 1 to 4096; ours by the best of the others at each.\n")
    for dtype, measured in products.items():
        names = sorted(measured["named"][0]["rates"], key=lambda name: (name != OURS, name.lower()))
        rows = [[shape_text(p), *(f"{p['rates'][name] / 1e9:.0f}" for name in names), f"{by_best_other(p):.2f}"] for p in measured["named"]]
        table([dtype, *names, "ours by the best other"], rows)
        if not measured["random"]:
            continue
        ordered = sorted(measured["random"], key=by_best_other)
        quotients = [by_best_other(product) for product in ordered]
        large = [by_best_other(product) for product in ordered if min(product["m"], product["n"], product["k"]) >= 16]
        mean = lambda values: math.exp(sum(map(math.log, values)) / len(values))
        print(f"{len(ordered)} random shapes, {dtype}: geometric mean {mean(quotients):.2f}, worst {quotients[0]:.2f} "
              f"(at {shape_text(ordered[0])})" + (f"; the {len(large)} of extents of 16 and more: geometric mean {mean(large):.2f}, "
              f"worst {large[0]:.2f}" if large else "") + ".\n")


def print_all(results):
    peers, contest, products = (json.loads((results / f"{name}.json").read_text()) for name in ("peers", "contest", "products"))
    print("## Beside others\n")
    print("Times are medians; a ratio is the peer's time divided by ours in the same round. Losses, values and gradients were compared "
          "before anything was timed, or with what was timed where that is a first call or a whole process.\n")
    for result in peers + contest["lines"]:
        ratios_table(result)
    print_gradients(contest["lines"])
    for result in contest["first"]:
        ratios_table(result)
    print_growth()
    print_products(products)
