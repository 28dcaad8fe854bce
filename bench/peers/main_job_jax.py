"""The main job in JAX: a whole epoch is one program, compiled by jit, that scans over the batches. See job.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

import fashion
import job

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "sigmoid": jax.nn.sigmoid,
    "leaky_relu:0.3": functools.partial(jax.nn.leaky_relu, negative_slope=0.3),
}


@functools.cache
def data(part):
    images, labels = fashion.load(part)
    return jnp.asarray(images.reshape(-1, 784).astype(np.float32) / 255), jnp.asarray(labels.astype(np.int32))


def logits(activation, weights, images):
    hidden_weight, hidden_bias, output_weight, output_bias = weights
    return activation(images @ hidden_weight + hidden_bias) @ output_weight + output_bias


def adam(weights, state, gradients):
    """Adam in Keras's form, ε outside the bias correction."""
    t, m, v = state
    t = t + 1
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    m = jax.tree.map(lambda m, g: m + (g - m) * (1 - 0.9), m, gradients)
    v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - 0.999), v, gradients)
    weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, m, v)
    return weights, (t, m, v)


def step(activation, carried, batch):
    weights, state = carried
    images, labels = batch

    def mean_loss(weights):
        scores = jax.nn.log_softmax(logits(activation, weights, images))
        return -jnp.take_along_axis(scores, labels[:, None], axis=1).mean()

    loss, gradients = jax.value_and_grad(mean_loss)(weights)
    return adam(weights, state, gradients), loss


class Trainer:
    def __init__(self, options):
        self.options = options
        self.images, self.labels = data("train")
        self.random = np.random.default_rng(0)
        activation = ACTIVATIONS[options.activation]
        one_step = functools.partial(step, activation)

        @functools.partial(jax.jit, donate_argnums=0)
        def epoch(carried, images, labels):
            return jax.lax.scan(one_step, carried, (images, labels))

        @functools.partial(jax.jit, donate_argnums=0)
        def shuffled_epoch(carried, order, images, labels):
            return jax.lax.scan(lambda c, chosen: one_step(c, (images[chosen], labels[chosen])), carried, order)

        self.scan = shuffled_epoch if options.whole else epoch
        self.start()

    def start(self):
        weights = [jnp.array(weight) for weight in job.initial_weights(self.options.weights)]
        zeros = lambda: [jnp.zeros_like(weight) for weight in weights]
        self.carried = (weights, (jnp.zeros((), jnp.int32), zeros(), zeros()))

    def batched(self, samples):
        return samples.reshape(-1, job.BATCH, *samples.shape[1:])

    def losses(self):
        if self.options.whole:
            order = self.random.permutation(len(self.images)).astype(np.int32)
            batches = (jnp.asarray(self.batched(order)), self.images, self.labels)
        else:
            batches = (self.batched(self.images), self.batched(self.labels))
        self.carried, losses = self.scan(self.carried, *batches)
        return losses

    def epoch(self):
        return self.losses().mean()

    def first_losses(self, n):
        losses = [float(loss) for loss in self.losses()[:n]]
        self.start()
        return losses

    def test_accuracy(self):
        images, labels = data("t10k")
        predicted = logits(ACTIVATIONS[self.options.activation], self.carried[0], images).argmax(1)
        return (predicted == labels).mean()


if __name__ == "__main__":
    job.run(Trainer)
