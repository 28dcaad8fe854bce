"""The works of the contest in JAX, whole calls under jit. See works.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

import works
from main_job_jax import adam


def perceptron(weights, x):
    layers = len(weights) // 2
    for i in range(layers):
        x = x @ weights[f"w{i}"] + weights[f"b{i}"]
        x = jax.nn.relu(x) if i < layers - 1 else x
    return x


def language_model(weights, x, heads=4):
    (batch, time), width = x.shape, weights["tokens"].shape[1]
    dense = lambda name, x: x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * weights[f"{name}.gain"] + weights[f"{name}.bias"]

    def attention(name, x):
        query, key, value = jnp.moveaxis(dense(f"{name}.qkv", x).reshape(batch, time, 3, heads, width // heads), 2, 0)
        scores = jnp.einsum("bthd,bshd->bhts", query, key) / (width // heads) ** 0.5
        attended = jax.nn.softmax(jnp.where(jnp.tril(jnp.ones((time, time), bool)), scores, -1e30))
        return dense(f"{name}.out", jnp.einsum("bhts,bshd->bthd", attended, value).reshape(batch, time, width))

    h = weights["tokens"][x] + weights["places"]
    for name in (f"block{i}" for i in range(sum(name.endswith(".qkv.weight") for name in weights))):
        h = h + attention(name, norm(f"{name}.norm1", h))
        h = h + dense(f"{name}.down", jax.nn.gelu(dense(f"{name}.up", norm(f"{name}.norm2", h)), approximate=False))
    return dense("logits", norm("norm", h))


def training(logits, inputs):
    x, y = inputs.pop("x"), inputs.pop("y")

    def loss(weights, x, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(logits(weights, x)), y[..., None], axis=-1).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(weights, state, x, y):
        value, gradients = jax.value_and_grad(loss)(weights, x, y)
        return adam(weights, state, gradients), value

    zeros = lambda: jax.tree.map(jnp.zeros_like, inputs)
    carried = [inputs, (jnp.zeros((), jnp.int32), zeros(), zeros())]

    def call():
        carried[:], value = step(*carried, x, y)
        return [value]

    return call


def chain(x):
    return (jnp.tanh(x) * x + jax.nn.sigmoid(x) * 0.5 + x * x).sum()


def tiny(x, length):
    for _ in range(length):
        x = jax.nn.sigmoid(x)
    return x.sum()


def gmm(alpha, mean, log_diagonal, lower, x):
    d = x.shape[1]
    q = jnp.tril(lower, -1) + jnp.eye(d) * jnp.exp(log_diagonal)[:, None, :]
    scaled = x @ q - (mean[:, None, :] @ q)
    terms = (alpha + log_diagonal.sum(1))[:, None] - 0.5 * (scaled * scaled).sum(2)
    return jax.scipy.special.logsumexp(terms, axis=0).sum() - x.shape[0] * jax.scipy.special.logsumexp(alpha)


def ode(x, w, b, length, h=1e-3):
    slope = lambda x: jnp.tanh(x @ w + b) - x

    def step(x, _):
        k1 = slope(x)
        k2 = slope(x + h / 2 * k1)
        k3 = slope(x + h / 2 * k2)
        k4 = slope(x + h * k3)
        return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), None

    x, _ = jax.lax.scan(step, x, length=length)
    return (x * x).sum()


def lstm(wx, wh, bias, x):
    zeros = jnp.zeros((x.shape[1], wh.shape[0]), x.dtype)

    def cell(carried, projected):
        h, c = carried
        i, f, g, o = jnp.split(projected + h @ wh, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    (h, _), _ = jax.lax.scan(cell, (zeros, zeros), x @ wx + bias)
    return (h * h).mean()


MODELS = {"mlp": perceptron, "lm": language_model}
# The function, by which inputs it is differentiated, and what else it takes.
WORKS = {
    "chain": (chain, ["x"], []),
    "tiny": (tiny, ["x"], ["length"]),
    "gmm": (gmm, ["alpha", "mean", "log_diagonal", "lower"], ["x"]),
    "ode": (ode, ["x", "w", "b"], ["length"]),
    "lstm": (lstm, ["wx", "wh", "bias"], ["x"]),
}


def make(work, mode, how, inputs):
    # Only for the works in f64: with it a number computed from an integer, as Adam's rate is, would be f64 as well.
    jax.config.update("jax_enable_x64", any(value.dtype == np.float64 for value in inputs.values()))
    inputs = {name: int(value) if name == "length" else jnp.asarray(value) for name, value in inputs.items()}
    if work in MODELS:
        return training(MODELS[work], inputs)
    function, variables, constants = WORKS[work]
    arguments = [inputs[name] for name in variables + constants]
    static = [len(variables) + i for i, name in enumerate(constants) if name == "length"]
    if mode == "function":
        jitted = jax.jit(function, static_argnums=static)
        return lambda: [jitted(*arguments)]
    jitted = jax.jit(jax.value_and_grad(function, argnums=tuple(range(len(variables)))), static_argnums=static)

    def call():
        value, gradients = jitted(*arguments)
        return [value, *gradients]

    return call


def finish(results, arrays=True):
    jax.block_until_ready(results)
    return [np.asarray(result) for result in results] if arrays else None


if __name__ == "__main__":
    works.serve(make, finish, lambda threads: None)
