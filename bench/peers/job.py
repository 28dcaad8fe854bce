"""What the peer programs of the main job share: options, weights to start from, and the way they are asked for epochs.

A peer makes an object from the options, with

    first_losses(n)   losses of the first n steps from the weights given, each before its update; nothing is kept
    epoch()           trains one epoch, and returns the mean of the losses of its steps
    test_accuracy()   on the test set

and hands it to `run`. The program then prints the first losses as a line of JSON, trains an epoch for every line it
reads, and answers with its loss and seconds: so the programs of several libraries can take turns within one sitting.
With --whole it instead does the main job from beginning to end, as a user's program would, each epoch in an order of
its own, and prints what came out.
"""

import argparse
import json
import sys
import time

import numpy as np

import works

STEPS_COMPARED = 30
BATCH = 32
WEIGHTS = ["hidden.weight", "hidden.bias", "output.weight", "output.bias"]
ACTIVATIONS = ["relu", "gelu", "sigmoid", "leaky_relu:0.3"]


def options():
    parser = argparse.ArgumentParser(description="The main job: 784 → 128 → 10 on Fashion-MNIST, Adam, f32.")
    parser.add_argument("--weights", help="safetensors file to start from")
    parser.add_argument("--activation", default="relu", choices=ACTIVATIONS)
    parser.add_argument("--threads", type=int, default=0, help="0: as the library decides")
    parser.add_argument("--whole", action="store_true", help="four activations, five epochs each, shuffled, each evaluated")
    return parser.parse_args()


def initial_weights(path=None):
    """Hidden weight [784, 128] and bias, output weight [128, 10] and bias, of f32: from a safetensors file; or drawn as
    Keras draws them."""
    if path:
        tensors = works.read(path)
        return [tensors[name] for name in WEIGHTS]
    random = np.random.default_rng(0)

    def glorot_uniform(inputs, outputs):
        limit = (6 / (inputs + outputs)) ** 0.5
        return random.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)

    zeros = lambda n: np.zeros(n, np.float32)
    return [glorot_uniform(784, 128), zeros(128), glorot_uniform(128, 10), zeros(10)]


def say(**values):
    print(json.dumps(values), flush=True)


def run(make_trainer):
    asked = options()
    if asked.whole:
        for activation in ACTIVATIONS:
            asked.activation = activation
            trainer = make_trainer(asked)
            epochs = [(float(trainer.epoch()), float(trainer.test_accuracy())) for _ in range(5)]
            losses, accuracies = zip(*epochs)
            say(activation=activation, losses=losses, test_accuracies=accuracies)
        return
    trainer = make_trainer(asked)
    say(losses=trainer.first_losses(STEPS_COMPARED))
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = float(trainer.epoch())
        say(seconds=time.perf_counter() - began, loss=loss)
