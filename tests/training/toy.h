#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <wengert/datasets/dataset.h>
#include <wengert/nn/nn.h>
#include <wengert/training/fit.h>

namespace wengert::test {

/// Points of four features in three classes, told apart by a linear model but for some.
inline datasets::Dataset toy_data(std::int64_t samples) {
  std::vector<float> features;
  std::vector<std::uint8_t> labels;
  for (std::int64_t i = 0; i < samples; ++i) {
    const auto label = static_cast<std::uint8_t>(i * 7 % 3);
    for (int feature = 0; feature < 4; ++feature) {
      const double noise = std::sin(12.9898 * static_cast<double>(i) + 78.233 * feature);
      features.push_back(static_cast<float>((feature == label ? 1.5 : 0.0) + noise));
    }
    labels.push_back(label);
  }
  return {Tensor(features, {samples, 4}), Tensor(labels)};
}

inline nn::Sequential toy_model(DType dtype = DType::f32) {
  return nn::Sequential{nn::Dense{4, 8, nn::tanh, {.dtype = dtype}}, nn::Dense{8, 3, nn::softmax, {.dtype = dtype}}};
}

inline training::FitOptions quiet(std::int64_t epochs, std::int64_t batch_size) {
  return {.epochs = epochs, .batch_size = batch_size, .progress = training::Progress::silent};
}

/// All parameters of a model, one behind the other.
inline std::vector<double> values_of(nn::Module& model) {
  std::vector<double> values;
  for (const Parameter& parameter : model.parameters()) {
    dispatch(parameter.dtype(), [&](auto type) {
      const Tensor value = parameter.value();
      const auto elements = value.data<decltype(type)>();
      values.insert(values.end(), elements.begin(), elements.end());
    });
  }
  return values;
}

}  // namespace wengert::test
