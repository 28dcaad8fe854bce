"""Writes docs/results.md: what Keras and wengert reach, beside one another.

    python3 results.py KERAS.json KERAS_REPEATED.json COMPARISON_DIR... > docs/results.md

The first two are written by bench/peers/keras_results.py (--order fresh and repeated); the folders, one per seed, by
activation_comparison.
"""

import json
import math
import pathlib
import statistics
import sys

from tables import table

MEASURES = [("training loss", "loss"), ("test loss", "val_loss"), ("test accuracy", "val_accuracy")]

TEXT = """# Results beside Keras

The four models of the comparison after five epochs, in Keras ({keras}, TensorFlow {tensorflow}) as Keras users write
them, and here: mean ± standard deviation over {seeds} seeds. The training loss is the mean over the last epoch.

```sh
python bench/peers/keras_results.py --seeds {seeds} > keras.json       # in an environment of requirements-keras.txt
python bench/peers/keras_results.py --seeds {seeds} --order repeated > keras_repeated.json
for seed in {seed_list}; do ./dev compare --seed $seed --out results/$seed; done
python bench/results.py keras.json keras_repeated.json results/* > docs/results.md
```
"""

LUCK_TEXT = """## How much of it is luck

Five runs cannot separate half a per cent from chance, the less so as the four models of a seed share their orders. So the last epoch's
training loss of relu was taken over more of them: over 140 seeds it is 0.2950 ± 0.0018 here, so that its mean is known to
0.0002; over 52 runs of `bench/peers/main_job_jax.py`, with weights and orders by NumPy, it is 0.2947 ± 0.0019. Given the weights
and the orders of eight of our seeds, that program reaches 0.2959, and ours 0.2958.
"""

ORDER_TEXT = """## Why Keras's seed is not set

With `keras.utils.set_random_seed` the losses are lower, and clearly so. The reason is the order of the samples. TensorFlow's
global seed makes `fit` draw the *same* permutation in every epoch: each epoch makes the iterator of the data set anew, and
with it the random state of the shuffle. Without that seed, as by default, each epoch has an order of its own, as here.
A fixed order makes the training samples slightly easier to memorise. The training loss of the last epoch:
"""


def incomplete_beta(a, b, x):
    """Regularised, by its continued fraction (Abramowitz and Stegun, 26.5.8), evaluated from its end."""
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    fraction = 1.0
    for m in range(200, 0, -1):
        fraction = 1 + m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)) / fraction
        k = m - 1
        fraction = 1 - (a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1)) / fraction
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)) / a
    return front / fraction


def welch(xs, ys):
    """The probability of means at least as far apart, were they equal (Welch's t-test, two-sided)."""
    a, b = statistics.variance(xs) / len(xs), statistics.variance(ys) / len(ys)
    t = (statistics.mean(xs) - statistics.mean(ys)) / math.sqrt(a + b)
    degrees = (a + b) ** 2 / (a**2 / (len(xs) - 1) + b**2 / (len(ys) - 1))
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def last(value):
    return value[-1] if isinstance(value, list) else value


def by_activation(results, key):
    values = {}
    for result in results:
        values.setdefault(result["activation"], []).append(last(result[key]))
    return values


def ours(folders):
    return [model for folder in folders for model in json.loads((pathlib.Path(folder) / "summary.json").read_text())["models"]]


def spread(values):
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def p_text(p):
    return f"{p:.2f}" if p >= 0.005 else f"{p:.0e}"


def main():
    fresh, repeated = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:3])
    mine = ours(sys.argv[3:])
    seeds = len(sys.argv) - 3
    print(TEXT.format(**fresh, seeds=seeds, seed_list=" ".join(map(str, range(seeds)))))

    least = 1.0
    for title, key in MEASURES:
        theirs, here = by_activation(fresh["results"], key), by_activation(mine, key)
        rows = []
        for activation in theirs:
            p = welch(theirs[activation], here[activation])
            least = min(least, p)
            rows.append([activation, spread(theirs[activation]), spread(here[activation]), p_text(p)])
        table([title, "Keras", "wengert", "p"], rows)

    cells = len(MEASURES) * len(theirs)
    limit = 0.05 / cells
    print(f"p is that of Welch's t-test: how often means of {seeds} runs would be at least as far apart if the two programs drew from "
          f"the same distribution. With {cells} cells only p below 0.05 / {cells} = {limit:.4f} counts as significant; the least is "
          f"{p_text(least)}: the means {'agree within the noise' if least > limit else 'differ'}. The four models of a seed see "
          "the samples in the same orders here, and share their luck with the last batches before a test; in Keras they do not.\n")

    print(LUCK_TEXT)
    print(ORDER_TEXT)
    again, first, here = (by_activation(results, "loss") for results in (repeated["results"], fresh["results"], mine))
    table(["training loss", "Keras, same order in every epoch", "Keras, fresh orders", "wengert", "p of the first two"],
          [[a, spread(again[a]), spread(first[a]), spread(here[a]), p_text(welch(again[a], first[a]))] for a in first])


if __name__ == "__main__":
    main()
