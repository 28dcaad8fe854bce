#include "works.h"

#include <memory>
#include <span>
#include <utility>

#include "language_model.h"
#include <fmt/format.h>

#include <wengert/autograd/autograd.h>
#include <wengert/nn/nn.h>
#include <wengert/optim/optim.h>

namespace contest {
namespace {

namespace wg = wengert;
using wg::Tensor;
using Tensors = std::vector<Tensor>;

const Tensor& named(const Inputs& inputs, const std::string& name) {
  const auto found = inputs.find(name);
  if (found == inputs.end()) throw wg::ValueError(fmt::format("contest: no input '{}' in the file", name));
  return found->second;
}

// One step of training.

wg::nn::Sequential perceptron(const Inputs& inputs) {
  wg::nn::Sequential model;
  const std::size_t layers = (inputs.size() - 2) / 2;
  for (std::size_t i = 0; i < layers; ++i) {
    const Tensor& weight = named(inputs, fmt::format("w{}", i));
    wg::nn::Dense dense{weight.shape()[0], weight.shape()[1],
                        i + 1 < layers ? wg::nn::Activation(wg::nn::relu) : wg::nn::Activation(wg::nn::linear)};
    dense.weight().assign(weight);
    dense.bias()->assign(named(inputs, fmt::format("b{}", i)));
    model.add(std::move(dense));
  }
  return model;
}

LanguageModel language_model(const Inputs& inputs) {
  const wg::Shape tokens = named(inputs, "tokens").shape(), places = named(inputs, "places").shape();
  std::int64_t depth = 0;
  while (inputs.contains(fmt::format("block{}.qkv.weight", depth))) ++depth;
  LanguageModel model({.tokens = tokens[0], .length = places[0], .width = tokens[1], .heads = 4, .depth = depth});
  for (auto& [name, parameter] : model.named_parameters()) parameter.assign(named(inputs, name));
  return model;
}

template <typename Model>
Call training(Model given, const Inputs& inputs, bool compiled) {
  const auto model = std::make_shared<Model>(std::move(given));
  const auto adam = std::make_shared<wg::optim::Adam>(model->parameters());
  const Tensor x = named(inputs, "x"), y = named(inputs, "y");
  const auto step = [model, adam](const Tensor& images, const Tensor& labels) {
    wg::Tape tape;
    const Tensor loss = wg::nn::SparseCategoricalCrossentropy{.from_logits = true}((*model)(images), labels);
    adam->step(tape.gradient(loss));
    return loss;
  };
  if (!compiled) return [=] { return Tensors{step(x, y)}; };
  return [x, y, replayed = wg::compile(step)] { return Tensors{replayed(x, y)}; };
}

// Functions, and their gradients by the first tensors that they take.

struct Function {
  std::function<Tensor(std::span<const Tensor>)> value;
  std::vector<std::string> variables;
};

Function chain() {
  return {[](std::span<const Tensor> in) {
            const Tensor& x = in[0];
            return wg::sum(wg::tanh(x) * x + wg::sigmoid(x) * 0.5 + x * x);
          },
          {"x"}};
}

Function tiny(const Inputs& inputs) {
  return {[length = named(inputs, "length").item<int>()](std::span<const Tensor> in) {
            Tensor x = in[0];
            for (int i = 0; i < length; ++i) x = wg::sigmoid(x);
            return wg::sum(x);
          },
          {"x"}};
}

/// 1 below the diagonal of a square matrix, 0 elsewhere.
Tensor strictly_lower(std::int64_t n) {
  std::vector<double> mask(static_cast<std::size_t>(n * n));
  for (std::int64_t row = 0; row < n; ++row) {
    for (std::int64_t column = 0; column < row; ++column) mask[static_cast<std::size_t>(row * n + column)] = 1;
  }
  return {mask, {n, n}};
}

Function gmm(const Inputs& inputs) {
  const Tensor x = named(inputs, "x");
  const auto points = static_cast<double>(x.shape()[0]);
  const Tensor lower_mask = strictly_lower(x.shape()[1]), diagonal = wg::eye(x.shape()[1], wg::DType::f64);
  return {[=](std::span<const Tensor> in) {
            const Tensor &alpha = in[0], &mean = in[1], &log_diagonal = in[2], &lower = in[3];
            const Tensor q = lower * lower_mask + diagonal * wg::unsqueeze(wg::exp(log_diagonal), {1});
            const Tensor scaled = wg::matmul(x, q) - wg::matmul(wg::unsqueeze(mean, {1}), q);
            const Tensor terms =
                wg::unsqueeze(alpha + wg::sum(log_diagonal, {1}), {1}) - 0.5 * wg::sum(scaled * scaled, {2});
            return wg::sum(wg::logsumexp(terms, {0})) - points * wg::logsumexp(alpha);
          },
          {"alpha", "mean", "log_diagonal", "lower"}};
}

Function ode(const Inputs& inputs) {
  return {[length = named(inputs, "length").item<int>()](std::span<const Tensor> in) {
            const double h = 1e-3;
            Tensor x = in[0];
            const auto slope = [&](const Tensor& at) { return wg::tanh(wg::matmul(at, in[1]) + in[2]) - at; };
            for (int i = 0; i < length; ++i) {
              const Tensor k1 = slope(x), k2 = slope(x + h / 2 * k1), k3 = slope(x + h / 2 * k2),
                           k4 = slope(x + h * k3);
              x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
            }
            return wg::sum(x * x);
          },
          {"x", "w", "b"}};
}

Function lstm(const Inputs& inputs) {
  const Tensor x = named(inputs, "x");
  return {[x](std::span<const Tensor> in) {
            const std::int64_t length = x.shape()[0], batch = x.shape()[1], hidden = in[1].shape()[0];
            // What the inputs add to the gates, at every time at once.
            const Tensors from_inputs = wg::split(wg::matmul(x, in[0]) + in[2], length);
            Tensor h = wg::zeros({batch, hidden}), c = h;
            for (const Tensor& now : from_inputs) {
              const Tensors from_x = wg::split(wg::squeeze(now, {0}), 4, 1),
                            from_h = wg::split(wg::matmul(h, in[1]), 4, 1);
              const auto gate = [&](std::size_t n) { return from_x[n] + from_h[n]; };
              c = wg::sigmoid(gate(1)) * c + wg::sigmoid(gate(0)) * wg::tanh(gate(2));
              h = wg::sigmoid(gate(3)) * wg::tanh(c);
            }
            return wg::mean(h * h);
          },
          {"wx", "wh", "bias"}};
}

Function function_of(const std::string& work, const Inputs& inputs) {
  if (work == "chain") return chain();
  if (work == "tiny") return tiny(inputs);
  if (work == "gmm") return gmm(inputs);
  if (work == "ode") return ode(inputs);
  if (work == "lstm") return lstm(inputs);
  throw wg::ValueError(fmt::format("contest: no work '{}'; expected mlp, lm, chain, tiny, gmm, ode or lstm", work));
}

Tensors value_and_gradient(const Function& function, std::span<const Tensor> variables) {
  wg::Tape tape;
  Tensors watched;
  for (const Tensor& variable : variables) watched.push_back(tape.watch(variable));
  Tensors results{function.value(watched)};
  for (Tensor& gradient : tape.gradient(results[0], watched)) results.push_back(std::move(gradient));
  return results;
}

}  // namespace

Call make(const Request& request, const Inputs& inputs) {
  if (request.how == "by hand") return chain_by_hand(named(inputs, "x"), request.threads);
  const bool compiled = request.how == "compiled";
  if (request.work == "mlp") return training(perceptron(inputs), inputs, compiled);
  if (request.work == "lm") return training(language_model(inputs), inputs, compiled);
  const Function function = function_of(request.work, inputs);
  Tensors variables;
  for (const std::string& name : function.variables) variables.push_back(named(inputs, name));
  const auto body = [function, gradient = request.mode == "gradient"](std::span<const Tensor> in) {
    return gradient ? value_and_gradient(function, in) : Tensors{function.value(in)};
  };
  if (!compiled) return [=] { return body(variables); };
  return [variables, replayed = wg::compile(body)] { return replayed(std::span<const Tensor>(variables)); };
}

}  // namespace contest
