"""The main job beside its peers, taking turns within one sitting; bench/run.sh --peers makes their environments.

    PYTHON compare.py --ours BENCH_MAIN_JOB --comparison ACTIVATION_COMPARISON --keras PYTHON [--json FILE]

Run it in the environment of PyTorch and JAX; --keras names the Python of another one.

First the losses of the first steps must agree: the work is the same. Then every library trains one warm epoch after the
other, round by round, and last comes the whole main job, from the start of the process to its end. What is printed are
ratios, a peer's seconds by ours of the same round: the seconds of a machine that others use as well say little.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import job
import works

HERE = pathlib.Path(__file__).parent
# Two correct programs in f32 part by 5e-6 at most over the first thirty steps; another ε in Adam shows at 1e-4.
LOSS_TOLERANCE = 2e-5
# Each draws its own weights and orders; over those a model's loss after five epochs scatters by 0.6 % (docs/results.md),
# and the difference of two by 0.85 %. Nearly five times that is no chance.
FINAL_LOSS_TOLERANCE = 0.04
SETTLE_SECONDS = 0.2  # threads of the one that ran last may still spin
SLOW_SECONDS = 15  # what takes longer for all its rounds takes part in fewer
LONG_SECONDS = 45  # a whole process that takes longer is run once


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--comparison")
    parser.add_argument("--keras")
    parser.add_argument("--activations", default="relu,gelu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--whole-rounds", type=int, default=2, help="0: leave out the whole main job")
    parser.add_argument("--without", help="leave out peers with this in their name (on a busy machine: '2 threads')")
    parser.add_argument("--json", help="write what was measured")
    return parser.parse_args()


class Contestant:
    """A program that trains an epoch when it is asked to."""

    def __init__(self, command):
        self.said = tempfile.TemporaryFile("w+")  # only shown where it fails
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said, text=True)

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.said.seek(0)
            last = self.said.read().strip().splitlines()[-1:]
            sys.exit(f"compare.py: {' '.join(map(str, self.process.args))} ended with {code}: {''.join(last)}")
        return json.loads(line)

    def epoch(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def commands(options):
    """Name → (program, flags) of the peers."""
    peers = {"PyTorch eager, 1 thread": [sys.executable, HERE / "main_job_torch.py", "--threads", "1"]}
    if os.cpu_count() > 1:
        threads = str(os.cpu_count())
        peers[f"PyTorch eager, {threads} threads"] = [sys.executable, HERE / "main_job_torch.py", "--threads", threads]
    peers["JAX, whole epoch under jit"] = [sys.executable, HERE / "main_job_jax.py"]
    if options.keras:
        peers["Keras, fit"] = [options.keras, HERE / "main_job_keras.py"]
    return {name: command for name, command in peers.items() if not options.without or options.without not in name}


def same_losses(name, theirs, ours):
    apart = max(abs(a - b) / abs(b) for a, b in zip(theirs, ours, strict=True))
    if not apart <= LOSS_TOLERANCE:
        sys.exit(f"compare.py: the losses of {name} are {apart:.1e} from ours; at most {LOSS_TOLERANCE:.0e} expected")
    return apart


def compare_epochs(options, activation, weights):
    contestants = {"wengert": Contestant([options.ours, "--serve", activation, weights])}
    losses = {"wengert": contestants["wengert"].answer()["losses"]}
    apart = {}
    for name, command in commands(options).items():
        contestants[name] = Contestant([*command, "--activation", activation, "--weights", weights])
        losses[name] = contestants[name].answer()["losses"]
        apart[name] = same_losses(name, losses[name], losses["wengert"])
    warm = {name: contestant.epoch() for name, contestant in contestants.items()}
    rounds = {name: min(options.rounds, max(3, int(SLOW_SECONDS / taken))) for name, taken in warm.items()}
    seconds = {name: [] for name in contestants}
    for round_number in range(options.rounds):
        for name, contestant in contestants.items():
            if round_number < rounds[name]:
                time.sleep(SETTLE_SECONDS)
                seconds[name].append(contestant.epoch())
    for contestant in contestants.values():
        contestant.close()
    return {"work": f"one warm epoch, {activation}", "seconds": seconds, "apart": apart}


def timed(command):
    """Seconds, and what was printed."""
    began = time.perf_counter()
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return time.perf_counter() - began, printed


def faster_threads(results):
    """The peers but those that were slower with another number of threads."""
    medians = {name: statistics.median(taken) for name, taken in results[0]["seconds"].items()}
    library = lambda name: name.split(",")[0]
    return [name for name in medians if medians[name] == min(m for other, m in medians.items() if library(other) == library(name))]


def same_final_losses(name, theirs, ours):
    apart = max(abs(theirs[activation] - loss) / loss for activation, loss in ours.items())
    if not apart <= FINAL_LOSS_TOLERANCE:
        sys.exit(f"compare.py: the final losses of {name} are {apart:.1e} from ours; at most {FINAL_LOSS_TOLERANCE} expected")
    return apart


def whole_of_ours(options):
    """Seconds of the whole main job, and the training loss of the last epoch by activation."""
    with tempfile.TemporaryDirectory() as folder:
        seconds, _ = timed([options.comparison, "--jobs", str(os.cpu_count()), "--out", folder])
        models = json.loads((pathlib.Path(folder) / "summary.json").read_text())["models"]
    return seconds, {model["activation"]: model["loss"] for model in models}


def whole_of_peer(command):
    seconds, printed = timed([*command, "--whole"])
    models = [json.loads(line) for line in printed.splitlines()]
    return seconds, {model["activation"]: model["losses"][-1] for model in models}


def compare_whole(options, names):
    seconds, apart = {"wengert": []}, {}
    for _ in range(options.whole_rounds):
        taken, ours = whole_of_ours(options)
        seconds["wengert"].append(taken)
        for name, command in commands(options).items():
            if name in names and not (name in seconds and seconds[name][0] > LONG_SECONDS):
                taken, theirs = whole_of_peer(command)
                seconds.setdefault(name, []).append(taken)
                apart[name] = max(apart.get(name, 0), same_final_losses(name, theirs, ours))
    note = (f"Ours trains models side by side in one process (`--jobs {os.cpu_count()}`); a peer trains one after the other, PyTorch "
            "with the number of threads that was faster above. The losses of the last epoch were within "
            f"{max(apart.values(), default=0):.1%} of ours.")
    return {"work": "main job, whole process: 4 activations × 5 epochs", "note": note, "seconds": seconds, "apart": apart}


def rows(result):
    """(name, median seconds, smallest, median and largest ratio to ours)."""
    ours = result["seconds"]["wengert"]
    for name, theirs in result["seconds"].items():
        ratios = [a / b for a, b in zip(theirs, ours)]
        yield name, statistics.median(theirs), min(ratios), statistics.median(ratios), max(ratios)


def print_result(result):
    print(f"\n{result['work']}: seconds of one, and how many times ours (smallest, median, largest ratio of a round)")
    for name, seconds, least, middle, most in rows(result):
        print(f"  {name:26} {seconds:10.3g} s   {least:7.2f} {middle:7.2f} {most:7.2f}", flush=True)
    if "apart" in result:
        print("  what came out is apart from ours by at most: "
              + ", ".join(f"{apart:.0e}" for apart in result["apart"].values()))


def main():
    asked = options()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "weights.safetensors")
        works.write(weights, dict(zip(job.WEIGHTS, job.initial_weights())))
        for activation in asked.activations.split(","):
            results.append(compare_epochs(asked, activation, weights))
            print_result(results[-1])
    if asked.comparison and asked.whole_rounds > 0:
        results.append(compare_whole(asked, faster_threads(results)))
        print_result(results[-1])
    if asked.json:
        pathlib.Path(asked.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
