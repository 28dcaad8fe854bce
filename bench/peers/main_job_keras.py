"""The main job in Keras on TensorFlow: compile and fit. See job.py."""

import functools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow

import fashion
import job

ACTIVATIONS = {
    "relu": lambda: "relu",
    "gelu": lambda: "gelu",
    "sigmoid": lambda: "sigmoid",
    "leaky_relu:0.3": lambda: keras.layers.LeakyReLU(negative_slope=0.3),  # the layer's default, said aloud
}


def model(activation):
    return keras.Sequential(
        [
            keras.layers.Input(shape=(28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation=ACTIVATIONS[activation]()),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


@functools.cache
def data(part):
    images, labels = fashion.load(part)
    return images.astype(np.float32) / 255, labels.astype(np.int32)


class Trainer:
    def __init__(self, options):
        self.options = options
        if options.threads:
            tensorflow.config.threading.set_intra_op_parallelism_threads(options.threads)
        self.images, self.labels = data("train")
        self.start()

    def start(self):
        self.model = model(self.options.activation)
        self.model.set_weights(job.initial_weights(self.options.weights))
        metrics = ["accuracy"] if self.options.whole else None  # the others compute none in an epoch that is timed
        self.model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=metrics)

    def epoch(self):
        history = self.model.fit(
            self.images,
            self.labels,
            epochs=1,
            batch_size=job.BATCH,
            shuffle=self.options.whole,
            verbose=0,
        )
        return history.history["loss"][0]

    def first_losses(self, n):
        losses = []
        for i in range(n):
            batch = slice(i * job.BATCH, (i + 1) * job.BATCH)
            self.model.reset_metrics()  # or the mean since the beginning would be returned
            losses.append(float(self.model.train_on_batch(self.images[batch], self.labels[batch])))
        self.start()
        return losses

    def test_accuracy(self):
        return self.model.evaluate(*data("t10k"), batch_size=256, verbose=0)[1]


if __name__ == "__main__":
    job.run(Trainer)
