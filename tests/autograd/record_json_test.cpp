#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <wengert/autograd/autograd.h>

// A list is data: it is written as text, read by somebody who has nothing but the text and the catalogue, and run.

namespace wengert {
namespace {

using Json = nlohmann::json;

std::vector<unsigned char> bytes_of(const Tensor& tensor) {
  return dispatch(tensor.dtype(), [&](auto type) {
    const auto elements = tensor.data<decltype(type)>();
    std::vector<unsigned char> bytes(elements.size() * sizeof(type));
    if (!bytes.empty()) std::memcpy(bytes.data(), elements.data(), bytes.size());
    return bytes;
  });
}

Tensor tensor_of(const Json& json) {
  const auto bytes = json.at("bytes").get<std::vector<unsigned char>>();
  const auto extents = json.at("shape").get<std::vector<std::int64_t>>();
  Tensor tensor = empty(Shape(std::span(extents)), static_cast<DType>(json.at("dtype").get<int>()));
  dispatch(tensor.dtype(), [&](auto type) {
    if (!bytes.empty()) std::memcpy(writable<decltype(type)>(tensor).data(), bytes.data(), bytes.size());
  });
  return tensor;
}

Json json_of(const Tensor& tensor) {
  return {{"dtype", static_cast<int>(tensor.dtype())},
          {"shape", std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end())},
          {"bytes", bytes_of(tensor)}};
}

struct AttributeWriter {
  Json operator()(bool value) const { return value; }
  Json operator()(std::int64_t value) const { return value; }
  Json operator()(double value) const { return value; }
  Json operator()(DType value) const { return static_cast<int>(value); }
  Json operator()(const Ints& value) const { return std::vector<std::int64_t>(value.begin(), value.end()); }
};

/// The value in the text, of the kind that the operation's own default has.
struct AttributeReader {
  const Json& json;
  AttributeValue operator()(bool) const { return json.get<bool>(); }
  AttributeValue operator()(std::int64_t) const { return json.get<std::int64_t>(); }
  AttributeValue operator()(double) const { return json.get<double>(); }
  AttributeValue operator()(DType) const { return static_cast<DType>(json.get<int>()); }
  AttributeValue operator()(const Ints&) const {
    const auto values = json.get<std::vector<std::int64_t>>();
    return Ints(std::span(values));
  }
};

/// The records of a tape that kept every value, and the values that no record computes.
std::string write_program(const Tape& tape) {
  Json records = Json::array();
  Json leaves = Json::object();
  std::set<std::uint32_t> computed;
  for (const Record& record : tape.records()) {
    for (const std::uint32_t input : record.inputs) {
      if (computed.count(input) == 0) leaves[std::to_string(input)] = json_of(tape.value(input).kept);
    }
    computed.insert(record.outputs.begin(), record.outputs.end());
    Json attributes = Json::object();
    for (const auto& [name, value] : record.attributes) attributes[name] = std::visit(AttributeWriter{}, value);
    records.push_back({{"operation", record.operation->name},
                       {"attributes", attributes},
                       {"inputs", std::vector<std::uint32_t>(record.inputs.begin(), record.inputs.end())},
                       {"outputs", std::vector<std::uint32_t>(record.outputs.begin(), record.outputs.end())}});
  }
  return Json{{"records", records}, {"leaves", leaves}}.dump();
}

/// Runs what `write_program` wrote; gives every value by its number.
std::map<std::uint32_t, Tensor> run_program(const std::string& text) {
  const Json program = Json::parse(text);
  std::map<std::uint32_t, Tensor> values;
  for (const auto& [number, tensor] : program.at("leaves").items()) {
    values[static_cast<std::uint32_t>(std::stoul(number))] = tensor_of(tensor);
  }
  for (const Json& record : program.at("records")) {
    const auto name = record.at("operation").get<std::string>();
    const Operation* operation = find_operation(name);
    if (operation == nullptr) throw std::runtime_error("unknown: " + name);
    std::vector<Attributes::Entry> attributes = operation->attributes;
    for (auto& [attribute, value] : attributes) {
      value = std::visit(AttributeReader{record.at("attributes").at(attribute)}, AttributeValue(value));
    }
    std::vector<Tensor> inputs;
    for (const auto& input : record.at("inputs")) inputs.push_back(values.at(input.get<std::uint32_t>()));
    std::vector<Tensor> results(record.at("outputs").size());
    apply(*operation, inputs, Attributes(attributes), results);
    for (std::size_t i = 0; i < results.size(); ++i) {
      values[record.at("outputs")[i].get<std::uint32_t>()] = results[i];
    }
  }
  return values;
}

TEST(Records, WrittenAsJsonWithTheirGradientRunToTheSameBits) {
  Generator generator(1);
  const Tensor x = uniform({4, 5}, -1, 1, generator, DType::f64);
  const Tensor labels({2, 0, 1, 2});
  std::string text;
  std::map<std::uint32_t, std::vector<unsigned char>> expected;
  {
    Tape outer({.keep_all = true});
    const Tensor w = outer.watch(uniform({5, 3}, -1, 1, generator, DType::f64));
    const Tensor b = uniform({3}, -1, 1, generator, DType::f64);
    const auto loss = [&](const Tensor& v) {
      const Tensor hidden = leaky_relu(gelu(matmul(x, v)) + b, 0.3) * sigmoid(b);
      return mean(softmax_cross_entropy(hidden, labels)) +
             sum(square(clamp(slice(v, {1, 0}, {4, 3}, {2, 1}), -0.5, 0.5)));
    };
    const Tensor slope = grad(loss)(w);  // its walk, too, stands among the outer tape's records
    expected[outer.number_of(slope)] = bytes_of(slope);
    text = write_program(outer);
    for (const Record& record : outer.records()) {
      for (const std::uint32_t output : record.outputs) expected[output] = bytes_of(outer.value(output).kept);
    }
  }
  EXPECT_NE(text.find("gelu'0"), std::string::npos);
  const std::map<std::uint32_t, Tensor> values = run_program(text);
  for (const auto& [number, bytes] : expected) EXPECT_EQ(bytes_of(values.at(number)), bytes) << "value " << number;
}

}  // namespace
}  // namespace wengert
