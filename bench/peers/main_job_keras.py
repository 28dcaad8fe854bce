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
    "leaky_relu:0.3": lambda: keras.layers.LeakyReLU(negative_slope=0.3),
}


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
        self.model = keras.Sequential(
            [
                keras.layers.Input(shape=(28, 28)),
                keras.layers.Flatten(),
                keras.layers.Dense(128, activation=ACTIVATIONS[self.options.activation]()),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        self.model.set_weights(job.initial_weights(self.options))
        self.model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])

    def epoch(self):
        history = self.model.fit(
            self.images,
            self.labels,
            epochs=1,
            batch_size=self.options.batch,
            shuffle=self.options.shuffle,
            verbose=0,
        )
        return history.history["loss"][0]

    def first_losses(self, n):
        losses = []
        for i in range(n):
            batch = slice(i * self.options.batch, (i + 1) * self.options.batch)
            self.model.reset_metrics()  # or the mean since the beginning would be returned
            losses.append(float(self.model.train_on_batch(self.images[batch], self.labels[batch])[0]))
        self.start()
        return losses

    def test_accuracy(self):
        return self.model.evaluate(*data("t10k"), batch_size=256, verbose=0)[1]


if __name__ == "__main__":
    job.run(Trainer)
