"""The main job in PyTorch: eager, with the fused Adam. See job.py."""

import functools

import numpy as np
import torch
import torch.nn.functional as F

import fashion
import job

ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "gelu": torch.nn.GELU,
    "sigmoid": torch.nn.Sigmoid,
    "leaky_relu:0.3": functools.partial(torch.nn.LeakyReLU, 0.3),
}


@functools.cache
def data(part):
    images, labels = fashion.load(part)
    pixels = torch.from_numpy(images.reshape(-1, 784).astype(np.float32) / 255)
    return pixels, torch.from_numpy(labels.astype(np.int64))


class Trainer:
    def __init__(self, options):
        self.options = options
        if options.threads:
            torch.set_num_threads(options.threads)
        torch.set_flush_denormal(True)  # as all the others do
        self.images, self.labels = data("train")
        self.start()

    def start(self):
        hidden, output = torch.nn.Linear(784, 128), torch.nn.Linear(128, 10)
        self.model = torch.nn.Sequential(hidden, ACTIVATIONS[self.options.activation](), output)
        weights = job.initial_weights(self.options.weights)
        with torch.no_grad():
            for layer, weight, bias in [(hidden, *weights[:2]), (output, *weights[2:])]:
                layer.weight.copy_(torch.tensor(weight).T)  # PyTorch keeps [out, in]
                layer.bias.copy_(torch.tensor(bias))
        self.adam = torch.optim.Adam(self.model.parameters(), lr=1e-3, eps=1e-7, fused=True)
        self.steps = 0

    def step(self, images, labels):
        # PyTorch's ε stands beside the corrected √v; divided so, it is Keras's ε beside the uncorrected one.
        self.steps += 1
        self.adam.param_groups[0]["eps"] = 1e-7 / (1 - 0.999**self.steps) ** 0.5
        loss = F.cross_entropy(self.model(images), labels)
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        return loss.detach()

    def batches(self):
        if not self.options.whole:
            yield from zip(self.images.split(job.BATCH), self.labels.split(job.BATCH))
            return
        for chosen in torch.randperm(len(self.images)).split(job.BATCH):
            yield self.images[chosen], self.labels[chosen]

    def epoch(self):
        total = torch.zeros(())
        steps = 0
        for images, labels in self.batches():
            total += self.step(images, labels)
            steps += 1
        return total / steps

    def first_losses(self, n):
        losses = [float(self.step(*batch)) for batch, _ in zip(self.batches(), range(n))]
        self.start()
        return losses

    def test_accuracy(self):
        images, labels = data("t10k")
        with torch.no_grad():
            return (self.model(images).argmax(1) == labels).float().mean()


if __name__ == "__main__":
    job.run(Trainer)
