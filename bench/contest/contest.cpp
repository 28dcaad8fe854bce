// Our side of the contest: answers the requests that bench/peers/works.py describes, one line of JSON each.

#include <chrono>
#include <cmath>
#include <iostream>
#include <string>

#include "works.h"
#include <nlohmann/json.hpp>

#include <wengert/autograd/autograd.h>
#include <wengert/training/safetensors.h>

namespace {

using nlohmann::json;
using wengert::Tensor;

contest::Inputs read(const std::string& path) {
  contest::Inputs inputs;
  for (auto& [name, tensor] : wengert::training::read_safetensors(path)) inputs.emplace(name, std::move(tensor));
  return inputs;
}

/// What is compared of a tensor: a lone element itself, else its norm and the sum of its elements by √n.
json numbers(const Tensor& tensor) {
  const Tensor elements = wengert::cast(tensor, wengert::DType::f64);
  if (tensor.rank() == 0) return {elements.item()};
  const double norm = std::sqrt(wengert::sum(elements * elements).item());
  return {norm, wengert::sum(elements).item() / std::sqrt(static_cast<double>(tensor.size()))};
}

template <typename F>
double seconds(F f) {
  const auto began = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

class Server {
 public:
  json answer(const json& request) {
    if (request.contains("load")) return load(request);
    if (request.contains("run")) return run(request);
    calls_.clear();
    return json::object();
  }

 private:
  json load(const json& request) {
    const contest::Inputs inputs = read(request.at("inputs").get<std::string>());
    auto& [call, threads] = calls_[request.at("load").get<std::string>()];
    threads = request.at("threads").get<int>();
    wengert::set_threads(threads);
    call = contest::make({.work = request.at("work").get<std::string>(),
                          .mode = request.at("mode").get<std::string>(),
                          .how = request.at("how").get<std::string>(),
                          .threads = threads},
                         inputs);
    std::vector<std::vector<Tensor>> results(request.at("calls").get<std::size_t>());
    const double first = seconds([&, &does = call] { results[0] = does(); });
    for (std::size_t i = 1; i < results.size(); ++i) results[i] = call();
    json values = json::array();
    for (const auto& tensors : results) {
      values.push_back(json::array());
      for (const Tensor& tensor : tensors) values.back().push_back(numbers(tensor));
    }
    return {{"values", values}, {"first_seconds", first}};
  }

  json run(const json& request) {
    const auto& [call, threads] = calls_.at(request.at("run").get<std::string>());
    wengert::set_threads(threads);
    const int times = request.at("times").get<int>();
    const double taken = seconds([times, &does = call] {
      for (int i = 0; i < times; ++i) does();
    });
    return {{"seconds", taken / times}};
  }

  struct Loaded {
    contest::Call call;
    int threads = 1;
  };
  std::map<std::string, Loaded> calls_;
};

}  // namespace

int main() {
  Server server;
  for (std::string line; std::getline(std::cin, line);) {
    try {
      std::cout << server.answer(json::parse(line)) << std::endl;
    } catch (const std::exception& error) {
      std::cerr << error.what() << '\n';
      return 1;
    }
  }
  return 0;
}
