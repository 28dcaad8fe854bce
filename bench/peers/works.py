"""The works of the contest: what each computes, on which inputs, and how the programs are asked for it.

A work has one name and one file of inputs; our program (bench/contest), works_torch.py and works_jax.py each compute it.
What comes out of a call are tensors, the value first; `mlp` trains one step further with every call.

    mlp        x [b, 784], y [b], w0 b0 w1 b1 …: one step of Adam in Keras's form (rate 1e-3, ε 1e-7) on the cross-entropy
               of Dense + relu … Dense; gives the loss before the step
    lm         x, y [b, t], and by their names in bench/contest/language_model.h the parameters of a transformer: the same step
               for a language model, of 4 heads, each attending to what came before, with the exact gelu
    chain      x: Σ tanh(x) x + sigmoid(x) / 2 + x², and its gradient
    tiny       x, length: sigmoid `length` times over, summed, and its gradient
    gmm        x [n, d], alpha [k], mean [k, d], log_diagonal [k, d], lower [k, d, d]: the log-likelihood of a Gaussian mixture
               Σ_n logsumexp_k(α_k + Σ log_diagonal_k − |(x_n − μ_k) Q_k|² / 2) − n logsumexp(α), where Q_k is the strict lower
               triangle of lower_k with exp(log_diagonal_k) on its diagonal, as in Šrajer, Kukelova and Fitzgibbon,
               "A benchmark of selected algorithmic differentiation tools" (2018); and its gradient by all but x
    ode        x [1, 10], w [10, 10], b [10], length: `length` steps of the classical Runge–Kutta method of size 1e-3 on
               x' = tanh(x w + b) − x; Σ x² at the end, and its gradient by x, w and b
    lstm       x [t, b, i], wx [i, 4h], wh [h, 4h], bias [4h], gates in the order i f g o: the cell over all t from zero
               states; the mean of h² at the end, and its gradient by wx, wh and bias

A program reads requests, one JSON object a line, and answers each with another:

    {"load": KEY, "work": NAME, "inputs": FILE, "mode": "function" | "gradient" | "step", "how": "eager" | "compiled",
     "threads": N, "calls": N}    → {"values": […], "first_seconds": S}: of each of the first calls, of each tensor,
                                    its `numbers`
    {"run": KEY, "times": N}      → {"seconds": S}, of one call
    {"clear": true}               → {}
"""

import json
import struct
import sys
import time

import numpy as np

DTYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32}


def mlp(random, width=1024, depth=2, batch=128):
    extents = [784] + [width] * depth + [10]
    inputs = {"x": random.random((batch, 784), np.float32), "y": random.integers(0, 10, batch).astype(np.int32)}
    for i, (fan_in, fan_out) in enumerate(zip(extents, extents[1:])):
        gain = 2 if i < depth else 1  # He's, so that deep ones learn
        inputs[f"w{i}"] = random.normal(0, (gain / fan_in) ** 0.5, (fan_in, fan_out)).astype(np.float32)
        inputs[f"b{i}"] = np.zeros(fan_out, np.float32)
    return inputs


def lm(random, tokens=96, length=128, width=128, depth=2, batch=16):
    words = lambda: random.integers(0, tokens, (batch, length)).astype(np.int32)
    normal = lambda *shape: random.normal(0, shape[0] ** -0.5, shape).astype(np.float32)
    inputs = {"x": words(), "y": words(), "tokens": normal(tokens, width), "places": normal(length, width)}

    def dense(name, fan_in, fan_out):
        inputs.update({f"{name}.weight": normal(fan_in, fan_out), f"{name}.bias": np.zeros(fan_out, np.float32)})

    def norm(name):
        inputs.update({f"{name}.gain": np.ones(width, np.float32), f"{name}.bias": np.zeros(width, np.float32)})

    for block in (f"block{i}" for i in range(depth)):
        norm(f"{block}.norm1")
        dense(f"{block}.qkv", width, 3 * width)
        dense(f"{block}.out", width, width)
        norm(f"{block}.norm2")
        dense(f"{block}.up", width, 4 * width)
        dense(f"{block}.down", 4 * width, width)
    norm("norm")
    dense("logits", width, tokens)
    return inputs


def chain(random, size=4_000_000):
    return {"x": random.normal(size=size).astype(np.float32)}


def tiny(random, length=1000, size=16):
    return {"x": random.normal(size=size).astype(np.float32), "length": np.array(length, np.int32)}


def gmm(random, points=10_000, dimensions=32, components=10):
    return {
        "x": random.normal(size=(points, dimensions)),
        "alpha": random.normal(size=components),
        "mean": random.normal(size=(components, dimensions)),
        "log_diagonal": random.normal(0, 0.1, (components, dimensions)),
        "lower": random.normal(0, 0.1, (components, dimensions, dimensions)),
    }


def ode(random, length=10_000, unknowns=10):
    return {
        "x": random.normal(size=(1, unknowns)),
        "w": random.normal(0, unknowns**-0.5, (unknowns, unknowns)),
        "b": random.normal(0, 0.1, unknowns),
        "length": np.array(length, np.int32),
    }


def lstm(random, length=100, batch=32, inputs=64, hidden=128):
    scale = hidden**-0.5
    return {
        "x": random.normal(size=(length, batch, inputs)).astype(np.float32),
        "wx": random.uniform(-scale, scale, (inputs, 4 * hidden)).astype(np.float32),
        "wh": random.uniform(-scale, scale, (hidden, 4 * hidden)).astype(np.float32),
        "bias": random.uniform(-scale, scale, 4 * hidden).astype(np.float32),
    }


INPUTS = {"mlp": mlp, "lm": lm, "chain": chain, "tiny": tiny, "gmm": gmm, "ode": ode, "lstm": lstm}


def write(path, tensors):
    """A safetensors file."""
    names = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
    tensors = dict(sorted(tensors.items(), key=lambda item: -item[1].itemsize))  # wide ones first: all are aligned
    header, offset = {}, 0
    for name, values in tensors.items():
        end = offset + values.nbytes
        header[name] = {"dtype": names[values.dtype], "shape": list(values.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in tensors.values():
            file.write(values.tobytes())


def read(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header, body = json.loads(file.read(length)), file.read()
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def numbers(tensor):
    """What is compared of a tensor: a lone element itself, else its norm and the sum of its elements by √n."""
    elements = np.asarray(tensor, np.float64)
    if elements.ndim == 0:
        return [float(elements)]
    return [float((elements**2).sum() ** 0.5), float(elements.sum() / elements.size**0.5)]


def serve(make, finish, set_threads):
    """`make(work, mode, how, inputs)` gives a function to call; `finish` waits for what it returned and gives arrays."""
    loaded = {}

    def load(request):
        set_threads(request["threads"])
        call = make(request["work"], request["mode"], request["how"], read(request["inputs"]))
        loaded[request["load"]] = (call, request["threads"])
        began = time.perf_counter()
        results = [finish(call())]
        first_seconds = time.perf_counter() - began
        results += [finish(call()) for _ in range(request["calls"] - 1)]
        return {"values": [[numbers(tensor) for tensor in result] for result in results], "first_seconds": first_seconds}

    def run(request):
        call, threads = loaded[request["run"]]
        set_threads(threads)
        began = time.perf_counter()
        for _ in range(request["times"]):
            result = call()
            finish(result, arrays=False)
        return {"seconds": (time.perf_counter() - began) / request["times"]}

    for line in sys.stdin:
        request = json.loads(line)
        if "load" in request:
            answer = load(request)
        elif "run" in request:
            answer = run(request)
        else:
            loaded.clear()
            answer = {}
        print(json.dumps(answer), flush=True)
