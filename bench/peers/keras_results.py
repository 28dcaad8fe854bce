"""The comparison's four models in Keras, as its users write them, over several seeds: what they reach, as JSON.

    python keras_results.py [--seeds N] [--epochs N] [--activations a,b] [--order fresh|repeated] > results.json

No seed is set. Where TensorFlow's global seed is set, as keras.utils.set_random_seed does, fit goes through the
samples in the same order in every epoch, and the losses come out lower; --order repeated shows that. Otherwise the seed
is that of the weights alone, and every epoch has an order of its own.
"""

import argparse
import json
import sys

import fashion
from main_job_keras import ACTIVATIONS, keras, model, tensorflow


def train(activation, seed, epochs, order, train_set, test_set):
    keras.utils.set_random_seed(seed)
    if order == "fresh":
        tensorflow.random.set_seed(None)
    network = model(activation)
    network.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = network.fit(*train_set, epochs=epochs, verbose=0)
    test_loss, test_accuracy = network.evaluate(*test_set, verbose=0)
    return {
        "activation": activation,
        "seed": seed,
        "loss": history.history["loss"],
        "accuracy": history.history["accuracy"],
        "val_loss": test_loss,
        "val_accuracy": test_accuracy,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--activations", default=",".join(ACTIVATIONS))
    parser.add_argument("--order", default="fresh", choices=["fresh", "repeated"])
    options = parser.parse_args()

    (train_images, train_labels), (test_images, test_labels) = fashion.load("train"), fashion.load("t10k")
    train_set, test_set = (train_images / 255.0, train_labels), (test_images / 255.0, test_labels)
    results = []
    for seed in range(options.seeds):
        for activation in options.activations.split(","):
            results.append(train(activation, seed, options.epochs, options.order, train_set, test_set))
            print(f"seed {seed}, {activation}: loss {results[-1]['loss'][-1]:.4f}", file=sys.stderr, flush=True)
    json.dump(
        {"keras": keras.__version__, "tensorflow": tensorflow.__version__, "order": options.order, "results": results},
        sys.stdout,
        indent=1,
    )


if __name__ == "__main__":
    main()
