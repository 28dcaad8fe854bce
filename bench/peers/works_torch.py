"""The works of the contest in PyTorch, eager and by torch.compile. See works.py."""

import torch
import torch.nn.functional as F

import works


class Perceptron(torch.nn.Sequential):
    def __init__(self, inputs):
        layers = (len(inputs) - 2) // 2
        modules = []
        for i in range(layers):
            modules += [dense(inputs[f"w{i}"], inputs[f"b{i}"]), torch.nn.ReLU()]
        super().__init__(*modules[:-1])


def dense(weight, bias):
    linear = torch.nn.Linear(*weight.shape)
    with torch.no_grad():
        linear.weight.copy_(weight.T)  # PyTorch keeps [out, in]
        linear.bias.copy_(bias)
    return linear


class Block(torch.nn.Module):
    HEADS = 4

    def __init__(self, inputs, name):
        super().__init__()
        layer = lambda part: dense(inputs[f"{name}.{part}.weight"], inputs[f"{name}.{part}.bias"])
        self.qkv, self.out, self.up, self.down = layer("qkv"), layer("out"), layer("up"), layer("down")
        # Gains of 1 and biases of 0, as they begin.
        self.norm1, self.norm2 = (torch.nn.LayerNorm(self.out.out_features) for _ in range(2))

    def forward(self, x):
        batch, time, width = x.shape
        heads = self.qkv(self.norm1(x)).view(batch, time, 3, self.HEADS, width // self.HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        attention = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(attention.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class LanguageModel(torch.nn.Module):
    def __init__(self, inputs):
        super().__init__()
        depth = sum(name.endswith(".qkv.weight") for name in inputs)
        self.tokens, self.places = (torch.nn.Embedding.from_pretrained(inputs[name], freeze=False) for name in ("tokens", "places"))
        self.blocks = torch.nn.Sequential(*(Block(inputs, f"block{i}") for i in range(depth)))
        self.norm = torch.nn.LayerNorm(self.tokens.embedding_dim)
        self.logits = dense(inputs["logits.weight"], inputs["logits.bias"])

    def forward(self, x):
        h = self.tokens(x) + self.places.weight
        return self.logits(self.norm(self.blocks(h))).flatten(0, 1)


def training(how, model, x, y):
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7, fused=True)
    loss_of = lambda x, y: F.cross_entropy(model(x), y)
    # Nothing is gained by torch.compile of adam.step, which then is not the fused one: on one thread a step of mlp1024 takes
    # 1.23 times the processor's time with foreach, 1.05 without; one of the main job 1.8 and 1.1 times (PyTorch 2.15, the
    # least of eight rounds; ε as a tensor, so that it is not compiled anew).
    if how == "compiled":
        loss_of = torch.compile(loss_of)
    x, y = x if x.is_floating_point() else x.long(), y.long().flatten()
    steps = 0

    def call():
        # PyTorch's ε stands beside the corrected √v; divided so, it is Keras's ε beside the uncorrected one.
        nonlocal steps
        steps += 1
        adam.param_groups[0]["eps"] = 1e-7 / (1 - 0.999**steps) ** 0.5
        loss = loss_of(x, y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return [loss.detach()]

    return call


def chain(x):
    return (torch.tanh(x) * x + torch.sigmoid(x) * 0.5 + x * x).sum()


def tiny(x, length):
    for _ in range(length):
        x = torch.sigmoid(x)
    return x.sum()


def gmm(alpha, mean, log_diagonal, lower, x):
    q = torch.tril(lower, -1) + torch.diag_embed(torch.exp(log_diagonal))
    scaled = x @ q - mean[:, None, :] @ q
    terms = (alpha + log_diagonal.sum(1))[:, None] - 0.5 * (scaled * scaled).sum(2)
    return torch.logsumexp(terms, 0).sum() - x.shape[0] * torch.logsumexp(alpha, 0)


def ode_step(x, w, b, h=1e-3):
    slope = lambda x: torch.tanh(torch.addmm(b, x, w)) - x
    k1 = slope(x)
    k2 = slope(x + h / 2 * k1)
    k3 = slope(x + h / 2 * k2)
    k4 = slope(x + h * k3)
    return x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def ode(step):
    """Ten thousand steps in one graph would compile for hours: one step is what torch.compile is given."""

    def function(x, w, b, length):
        for _ in range(length):
            x = step(x, w, b)
        return (x * x).sum()

    return function


def lstm(inputs):
    """The library's own layer, which unrolls the cell in C++. It has a second bias: zero, and not trained."""
    hidden = inputs["wh"].shape[0]
    layer = torch.nn.LSTM(inputs["x"].shape[2], hidden)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(inputs["wx"].T)
        layer.weight_hh_l0.copy_(inputs["wh"].T)
        layer.bias_ih_l0.copy_(inputs["bias"])
        layer.bias_hh_l0.zero_()
    layer.bias_hh_l0.requires_grad_(False)

    def function():
        h = layer(inputs["x"])[0][-1]
        return (h * h).mean()

    return function, [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0]


MODELS = {"mlp": Perceptron, "lm": LanguageModel}
VARIABLES = {"chain": ["x"], "tiny": ["x"], "gmm": ["alpha", "mean", "log_diagonal", "lower"], "ode": ["x", "w", "b"]}
CONSTANTS = {"chain": [], "tiny": ["length"], "gmm": ["x"], "ode": ["length"]}


def bound(work, how, inputs):
    """The work as a function of nothing, and what it is differentiated by."""
    if work == "lstm":
        return lstm(inputs)
    variables = [inputs[name].requires_grad_() for name in VARIABLES[work]]
    arguments = variables + [inputs[name] for name in CONSTANTS[work]]
    if work == "ode":
        function = ode(torch.compile(ode_step) if how == "compiled" else ode_step)
    else:
        function = {"chain": chain, "tiny": tiny, "gmm": gmm}[work]
        function = torch.compile(function) if how == "compiled" else function
    return lambda: function(*arguments), variables


def make(work, mode, how, inputs):
    torch._dynamo.reset()  # a work is compiled for its own shapes, whatever came before
    inputs = {name: int(v) if name == "length" else torch.tensor(v) for name, v in inputs.items()}
    if work in MODELS:
        return training(how, MODELS[work](inputs), inputs["x"], inputs["y"])
    function, variables = bound(work, how, inputs)

    def value():
        with torch.no_grad():
            return [function()]

    def gradient():
        value = function()
        return [value.detach(), *torch.autograd.grad(value, variables)]

    return value if mode == "function" else gradient


def finish(results, arrays=True):
    if not arrays:
        return None
    # Kept transposed in lstm's layer; sums do not show that.
    return [result.numpy() for result in results]


if __name__ == "__main__":
    works.serve(make, finish, torch.set_num_threads)
