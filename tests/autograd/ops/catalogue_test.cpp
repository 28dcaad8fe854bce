#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/catalogue.h>
#include <wengert/autograd/error.h>
#include <wengert/autograd/operations.h>

// What every operation of the library brings, and that its samples, which the gradient check, the benchmark and the
// reference page live on, hold the calls that are easily got wrong.

namespace wengert {
namespace {

std::vector<const Operation*> operations_of_the_library() {
  std::vector<const Operation*> result;
  for (const detail::CatalogueEntry& entry : detail::builtin_operations()) result.push_back(&entry.operation());
  return result;
}

class Catalogue : public testing::TestWithParam<const Operation*> {
 protected:
  const Operation& operation() const { return *GetParam(); }
  std::vector<Sample> samples() const { return operation().samples(); }

  template <typename F>
  bool any_sample(F f) const {
    const std::vector<Sample> all = samples();
    return std::any_of(all.begin(), all.end(), f);
  }
};

/// The attributes of a sample, or their defaults where it leaves them out.
Ints axes_of(const Operation& operation, const Sample& sample) {
  Ints axes;
  for (const std::span<const Attributes::Entry> entries :
       {sample.attributes.entries(), std::span<const Attributes::Entry>(operation.attributes)}) {
    for (const Attributes::Entry& entry : entries) {
      if (std::string(entry.name) == "axis") return {std::get<std::int64_t>(entry.value)};
      if (std::string(entry.name) == "axes") return std::get<Ints>(entry.value);
    }
  }
  return axes;
}

bool goes_along_axes(const Operation& operation) {
  return std::any_of(operation.attributes.begin(), operation.attributes.end(), [](const Attributes::Entry& entry) {
    return std::string(entry.name) == "axis" || std::string(entry.name) == "axes";
  });
}

/// The same elements as memory of somebody else, which no operation may read beyond its end.
Tensor borrowed(const Tensor& tensor) {
  return dispatch(tensor.dtype(), [&]<typename T>(T) {
    return Tensor::borrow(tensor.data<T>().data(), tensor.shape(), std::make_shared<Tensor>(tensor));
  });
}

TEST_P(Catalogue, IsDocumentedAndCalledByThreeSamplesOrMore) {
  EXPECT_FALSE(operation().documentation.empty());
  EXPECT_GE(samples().size(), 3U);
  for (const Sample& sample : samples()) {
    std::vector<Tensor> results(operation().results(sample.attributes));
    EXPECT_NO_THROW(wengert::apply(operation(), sample.inputs, sample.attributes, results));
  }
}

TEST_P(Catalogue, GivesTheSameBitsForMemoryOfThePoolAndOfOthers) {
  for (const Sample& sample : samples()) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      std::vector<Tensor> inputs, others;
      for (const Tensor& input : sample.inputs) {
        inputs.push_back(is_floating(input.dtype()) ? cast(input, dtype) : input);
        others.push_back(borrowed(inputs.back()));
      }
      std::vector<Tensor> results(operation().results(sample.attributes)), same(results.size());
      wengert::apply(operation(), inputs, sample.attributes, results);
      wengert::apply(operation(), others, sample.attributes, same);
      for (std::size_t i = 0; i < results.size(); ++i) EXPECT_TRUE(same_bits(results[i], same[i]));
    }
  }
}

TEST_P(Catalogue, RefusesAnotherNumberOfInputs) {
  EXPECT_THROW(wengert::apply(operation(), std::vector<Tensor>()), ValueError);
  if (operation().inputs == 0) return;
  for (const Sample& sample : samples()) {
    std::vector<Tensor> more = sample.inputs;
    more.emplace_back(1.0);
    try {
      static_cast<void>(wengert::apply(operation(), more, sample.attributes));
      FAIL() << "took one input too many";
    } catch (const ValueError& error) {
      EXPECT_EQ(std::string(error.what()), operation().name + ": " + std::to_string(more.size()) +
                                               " inputs given; expected " + std::to_string(operation().inputs));
    }
  }
}

TEST_P(Catalogue, HasASampleWithoutElements) {
  EXPECT_TRUE(any_sample([](const Sample& sample) {
    return std::any_of(sample.inputs.begin(), sample.inputs.end(), [](const Tensor& x) { return x.size() == 0; });
  }));
}

INSTANTIATE_TEST_SUITE_P(Every, Catalogue, testing::ValuesIn(operations_of_the_library()),
                         [](const auto& given) { return given.param->name; });

class CatalogueAlongAxes : public Catalogue {};

TEST_P(CatalogueAlongAxes, HasASampleWithAnAxisFromTheEndAndOneOfExtentOne) {
  EXPECT_TRUE(any_sample([&](const Sample& sample) {
    const Ints axes = axes_of(operation(), sample);
    return std::any_of(axes.begin(), axes.end(), [](std::int64_t axis) { return axis < 0; });
  }));
  EXPECT_TRUE(any_sample([&](const Sample& sample) {
    return std::any_of(sample.inputs.begin(), sample.inputs.end(), [](const Tensor& x) {
      return std::find(x.shape().begin(), x.shape().end(), 1) != x.shape().end();
    });
  }));
}

std::vector<const Operation*> operations_along_axes() {
  std::vector<const Operation*> result = operations_of_the_library();
  std::erase_if(result, [](const Operation* operation) { return !goes_along_axes(*operation); });
  return result;
}
INSTANTIATE_TEST_SUITE_P(Every, CatalogueAlongAxes, testing::ValuesIn(operations_along_axes()),
                         [](const auto& given) { return given.param->name; });

/// The first inputs of an operation's samples, in one row.
std::vector<double> sampled_numbers(const char* name) {
  std::vector<double> numbers;
  for (const Sample& sample : find_operation(name)->samples()) {
    for (const double number : sample.inputs[0].data<double>()) numbers.push_back(number);
  }
  return numbers;
}

TEST(Samples, OfProductsHoldRowsWithOneZeroAndWithTwo) {
  const std::vector<Sample> samples = find_operation("prod")->samples();
  for (const std::int64_t zeros_in_row : {1, 2}) {
    EXPECT_TRUE(std::any_of(samples.begin(), samples.end(), [&](const Sample& sample) {
      const Tensor& x = sample.inputs[0];
      if (x.rank() != 2 || x.size() == 0) return false;
      const Tensor counts = sum(cast(x == 0.0, DType::i32), {1});
      return std::find(counts.data<std::int32_t>().begin(), counts.data<std::int32_t>().end(), zeros_in_row) !=
             counts.data<std::int32_t>().end();
    }));
  }
}

TEST(Samples, OfExtremaHoldTiesWhichTheGradientCheckSkips) {
  for (const char* name : {"max", "min"}) {
    const Operation& operation = *find_operation(name);
    bool has_ties = false;
    for (const Sample& sample : operation.samples()) {
      const Tensor& x = sample.inputs[0];
      if (x.size() == 0) continue;
      const Ints axes = axes_of(operation, sample);
      const Tensor extremes = name == std::string("max") ? max(x, axes, true) : min(x, axes, true);
      const Tensor counts = sum(cast(x == extremes, DType::i32), axes);
      if (max(counts).item<int>() == 1) continue;
      has_ties = true;
      EXPECT_FALSE(sample.skip_reason.empty()) << name;
    }
    EXPECT_TRUE(has_ties) << name;
  }
}

TEST(Samples, OfExponentialsHoldNumbersWhoseExponentialOverflows) {
  for (const char* name : {"softmax", "log_softmax", "logsumexp", "softmax_cross_entropy"}) {
    const std::vector<double> numbers = sampled_numbers(name);
    EXPECT_GT(*std::max_element(numbers.begin(), numbers.end()), 710) << name;
    EXPECT_LT(*std::min_element(numbers.begin(), numbers.end()), -745) << name;
  }
}

}  // namespace
}  // namespace wengert
