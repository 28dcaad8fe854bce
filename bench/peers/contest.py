"""The works of works.py beside PyTorch and JAX, taking turns within one sitting; needs numpy: run it in their environment.

    PYTHON contest.py --ours CONTEST --json FILE [--rounds N] [--only NAME,…] [--threads N]

Values and gradients must agree, before anything but a first call is timed. What is written are seconds of one call, round by round; of
the function alone and with its gradient where both are of interest; of the first call, in which a step is compiled; from
the start of the process to the end of the first step; and how a step grows with the width, depth and batch of a network.
"""

import argparse
import dataclasses
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

import compare
import works

HERE = pathlib.Path(__file__).parent
SETTLE_SECONDS = 0.1  # threads of the one that ran last may still spin
LONG_SECONDS = 5  # a first call that takes longer is made once
OURS = "wengert"
EAGER = "wengert eager"
BY_HAND = "loop written by hand"
TORCH, TORCH_1, TORCH_COMPILED = "PyTorch eager", "PyTorch eager, 1 thread", "PyTorch compiled"
JAX = "JAX, jit"
# Contestant → program, how the work is done, and with one thread?
CONTESTANTS = {
    OURS: ("ours", "compiled", False),
    EAGER: ("ours", "eager", False),
    BY_HAND: ("ours", "by hand", False),
    TORCH: ("torch", "eager", False),
    TORCH_1: ("torch", "eager", True),
    TORCH_COMPILED: ("torch", "compiled", False),
    JAX: ("jax", "compiled", False),
}


@dataclasses.dataclass
class Line:
    """A line of the table."""

    title: str
    work: str
    mode: str
    contestants: list
    tolerance: float
    sizes: dict = dataclasses.field(default_factory=dict)
    calls: int = 1  # compared
    per: int = 1  # seconds are divided by it
    compared: dict | None = None  # sizes for the comparison, where at those that are timed the gradient is 0
    note: str = ""


ALL = [OURS, EAGER, TORCH, TORCH_COMPILED, JAX]
FEW = {"length": 20}  # each sigmoid makes the gradient four times smaller or more: of a thousand, it is 0 in f32
# How far apart two right programs may be, of each tensor's norm: in f64 what another order of sums gives; in f32 some
# tens of roundings of 6e-8 (6e-7 were seen). A step of Adam moves a weight by the rate even where its gradient is nothing but
# rounding: the losses of five steps were 4e-6 apart, and with a batch of 1 those of two 2e-5.
F64, F32, STEPS, STEPS_OF_ANY_SIZE = 1e-9, 5e-6, 2e-5, 1e-4
FUSED = "What PyTorch compiled compiles is the loss and its gradient: its fused Adam is faster than `Adam.step` compiled."
LINES = [
    Line("mlp1024: one step, batch 128", "mlp", "step", ALL, STEPS, calls=5, note=FUSED),
    Line("language model: one step of a transformer, batch 16 × 128", "lm", "step", ALL, STEPS, calls=5, note=FUSED),
    Line("chain4M: value and gradient", "chain", "gradient", [*ALL, BY_HAND], F32),
    Line("tiny1000: one of 1,000 operations, forward and backward", "tiny", "gradient", [OURS, EAGER, TORCH, JAX], F32, per=1000, compared=FEW),
    Line("Gaussian mixture: value", "gmm", "function", ALL, F64),
    Line("Gaussian mixture: value and gradient", "gmm", "gradient", ALL, F64),
    Line("ODE, 10,000 steps: value", "ode", "function", [OURS, EAGER, TORCH_COMPILED, JAX], F64),
    Line("ODE, 10,000 steps: value and gradient", "ode", "gradient", [OURS, EAGER, TORCH_COMPILED, JAX], F64),
    Line("LSTM, 100 cells: value", "lstm", "function", [OURS, EAGER, TORCH, TORCH_1, JAX], F32),
    Line("LSTM, 100 cells: value and gradient", "lstm", "gradient", [OURS, EAGER, TORCH, TORCH_1, JAX], F32),
]
MAIN_JOB = {"width": 128, "depth": 1, "batch": 32}
START = Line("main job", "mlp", "step", [OURS, TORCH, TORCH_COMPILED, JAX], F32, MAIN_JOB, note=FUSED)
RECORDS = Line("5,000 records", "tiny", "gradient", [OURS, JAX], F32, {"length": 2500}, compared=FEW)
GROWTH = {"width": [64, 256, 1024, 4096], "depth": [1, 4, 16, 64], "batch": [1, 16, 256, 4096]}
GROWTH_BASE = {"width": 256, "depth": 2, "batch": 128}


class Program:
    """One of the three, waiting for requests."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"contest.py: {self.process.args} ended with {self.process.wait()}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def apart(theirs, ours):
    """The largest relative difference of what came out, each tensor by its norm; infinite where that is 0, and so says
    nothing, or where there is a NaN."""
    largest = 0.0
    for their_call, our_call in zip(theirs, ours, strict=True):
        for their_numbers, our_numbers in zip(their_call, our_call, strict=True):
            scale = abs(our_numbers[0])
            for a, b in zip(their_numbers, our_numbers, strict=True):
                difference = abs(a - b) / scale if scale > 0 else math.inf
                largest = max(largest, math.inf if math.isnan(difference) else difference)
    return largest


def same(line, values):
    """Contestant → how far apart what it gave is from ours. Ends the program where that is too far."""
    differences = {name: apart(theirs, values[OURS]) for name, theirs in values.items()}
    for name, difference in differences.items():
        if not difference <= line.tolerance:
            sys.exit(f"contest.py: {line.title}: {name} is {difference:.1e} from ours; at most {line.tolerance:.0e} expected")
    return differences


def only_first(values):
    """Without the gradients."""
    return {name: [call[:1] for call in calls] for name, calls in values.items()}


class Contest:
    def __init__(self, options, folder):
        self.options = options
        self.inputs = os.path.join(folder, "inputs.safetensors")
        self.programs = {}

    def start(self, name, environment=None):
        command = {
            "ours": [self.options.ours],
            "torch": [sys.executable, HERE / "works_torch.py"],
            "jax": [sys.executable, HERE / "works_jax.py"],
        }[name]
        return Program(command, environment or {})

    def program(self, contestant):
        name = CONTESTANTS[contestant][0]
        if name not in self.programs:
            self.programs[name] = self.start(name)
        return self.programs[name]

    def request(self, line, contestant):
        _, how, one_thread = CONTESTANTS[contestant]
        threads = 1 if one_thread else self.options.threads
        return {"load": contestant, "work": line.work, "inputs": self.inputs, "mode": line.mode, "how": how,
                "threads": threads, "calls": line.calls}

    def write_inputs(self, line, sizes):
        works.write(self.inputs, works.INPUTS[line.work](np.random.default_rng(0), **sizes))

    def load(self, line, sizes):
        """The work in all programs; contestant → what it gave."""
        self.write_inputs(line, sizes)
        return {name: self.program(name).ask(**self.request(line, name))["values"] for name in line.contestants}

    def load_and_compare(self, line):
        if line.compared is None:
            return same(line, self.load(line, line.sizes))
        differences = same(line, self.load(line, line.compared))
        same(line, only_first(self.load(line, line.sizes)))
        return differences

    def measure(self, line, rounds, least_seconds):
        differences = self.load_and_compare(line)
        run = lambda name, times: self.program(name).ask(run=name, times=times)["seconds"]
        once = {name: min(run(name, 1), run(name, 1)) for name in line.contestants}
        rounds = max(1, min(rounds, int(10 / sum(once.values()))))  # of what takes long, fewer
        seconds = {name: [] for name in line.contestants}
        for _ in range(rounds):
            for name in line.contestants:
                time.sleep(SETTLE_SECONDS)
                seconds[name].append(run(name, max(1, int(least_seconds / once[name]))) / line.per)
        self.clear()
        return {"work": line.title, "note": line.note, "seconds": seconds, "apart": differences}

    def first(self, line, rounds):
        """Programs started anew: seconds to the end of the first call, and of that call alone."""
        if line.compared is not None:
            same(line, self.load(line, line.compared))
            self.clear()
        self.write_inputs(line, line.sizes)
        started, called = ({name: [] for name in line.contestants} for _ in range(2))
        values = {}
        for number in range(rounds):
            for name in line.contestants:
                if number > 0 and called[name][0] > LONG_SECONDS:
                    continue
                began = time.perf_counter()
                program = self.start(CONTESTANTS[name][0], {"TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1"})
                answer = program.ask(**{**self.request(line, name), "calls": 1})
                started[name].append(time.perf_counter() - began)
                called[name].append(answer["first_seconds"])
                values[name] = answer["values"]
                program.close()
        same(line, values if line.compared is None else only_first(values))
        return started, called

    def clear(self):
        for program in self.programs.values():
            program.ask(clear=True)

    def close(self):
        for program in self.programs.values():
            program.close()


def growth(contest, rounds):
    points = []
    for axis, values in GROWTH.items():
        for value in values:
            sizes = {**GROWTH_BASE, axis: value}
            line = Line(f"{axis} {value}", "mlp", "step", [OURS, TORCH, JAX], STEPS_OF_ANY_SIZE, sizes, calls=2)
            result = contest.measure(line, rounds, 0.03)
            points.append({"axis": axis, "value": value, "seconds": result["seconds"]})
            compare.print_result(result)
    return points


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--json", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="works, 'first' and 'growth', separated by commas")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--least-seconds", type=float, default=0.15, help="of what is timed at once")
    options = parser.parse_args()
    wanted = lambda name: not options.only or name in options.only.split(",")
    results = {"lines": [], "first": [], "growth": []}
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(options, folder)
        if wanted("first"):
            started, called = contest.first(START, min(3, options.rounds))
            _, records = contest.first(RECORDS, min(3, options.rounds))
            results["first"] = [
                {"work": "process start to the end of the first step, main job", "note": FUSED, "seconds": started},
                {"work": "first call, compiled, main job", "seconds": {k: v for k, v in called.items() if k != TORCH}},
                {"work": "first call, compiled, about 5,000 records", "seconds": records},
            ]
            for result in results["first"]:
                compare.print_result(result)
        for line in LINES:
            if wanted(line.work):
                results["lines"].append(contest.measure(line, options.rounds, options.least_seconds))
                compare.print_result(results["lines"][-1])
        if wanted("growth"):
            results["growth"] = growth(contest, min(3, options.rounds))
        contest.close()
    pathlib.Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
