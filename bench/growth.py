"""Draws how a training step grows, of what contest.py measured: python3 growth.py CONTEST.json PICTURE.svg"""

import json
import pathlib
import statistics
import subprocess
import sys

SCRIPT = """
set terminal svg size 1200,400 font "sans-serif,13" background rgb "white"
set output "{picture}"
set multiplot layout 1,3
set logscale xy
set key top left
set grid
set ylabel "milliseconds a step"
set format y "%g"
"""


def blocks(points, axis, names):
    """Inline data of gnuplot: a block of one axis, a column for each contestant."""
    lines = [f"${axis} << END"]
    for point in points:
        if point["axis"] == axis:
            medians = [f"{statistics.median(point['seconds'][name]) * 1e3:.6g}" for name in names]
            lines.append(" ".join([str(point["value"]), *medians]))
    return "\n".join([*lines, "END"])


def main():
    points = json.loads(pathlib.Path(sys.argv[1]).read_text())["growth"]
    if not points:
        return
    axes = list(dict.fromkeys(point["axis"] for point in points))
    names = list(points[0]["seconds"])
    script = SCRIPT.format(picture=sys.argv[2])
    for axis in axes:
        script += blocks(points, axis, names) + "\n"
    for axis in axes:
        values = ", ".join(str(point["value"]) for point in points if point["axis"] == axis)
        curves = [f'${axis} using 1:{i + 2} with linespoints linewidth {3 if name == "wengert" else 2} pointtype 7 pointsize 0.6 title "{name}"'
                  for i, name in enumerate(names)]
        script += f'set xlabel "{axis}"\nset xtics ({values})\nplot {", ".join(curves)}\n'
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


if __name__ == "__main__":
    main()
