#include <algorithm>
#include <future>
#include <limits>
#include <numeric>
#include <vector>

#include "support/message_of.h"
#include "support/tensors.h"
#include <gtest/gtest.h>

#include <wengert/autograd/error.h>
#include <wengert/autograd/kernels/memory.h>
#include <wengert/autograd/operations.h>
#include <wengert/datasets/batches.h>

namespace wengert::datasets {
namespace {

/// Sample i is [i, i + 1] with label i.
Dataset numbered(int samples) {
  std::vector<float> features;
  std::vector<std::int32_t> labels;
  for (int i = 0; i < samples; ++i) {
    features.insert(features.end(), {static_cast<float>(i), static_cast<float>(i + 1)});
    labels.push_back(i);
  }
  return {Tensor(features, {samples, 2}), Tensor(labels)};
}

TEST(Batches, RoundIntegersOnce) {
  const std::int64_t large = (std::int64_t{1} << 60) + (std::int64_t{1} << 36) + 1;  // just above the middle of two f32
  const Dataset data{Tensor(std::vector<std::int64_t>{large}, {1, 1})};
  EXPECT_EQ(batches(data, {.size = 1})[0].images.data<float>()[0], static_cast<float>(large));
}

/// Samples of 64 pixels, which go through all that there are.
Dataset all_bytes_of(std::int64_t samples) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(samples) * 64);
  std::iota(pixels.begin(), pixels.end(), std::uint8_t{0});
  return {.images = Tensor(pixels, {samples, 8, 8}), .scale = 1.0 / 255};
}

Dataset all_bytes() {
  Dataset data = all_bytes_of(4);
  data.labels = Tensor(std::vector<std::uint8_t>{1, 2, 3, 4});
  return data;
}

/// The labels in the order in which they come.
std::vector<std::int32_t> order(const Dataset& data, const BatchOptions& options) {
  std::vector<std::int32_t> seen;
  for (const Batch& batch : batches(data, options)) {
    const auto labels = batch.labels.data<std::int32_t>();
    seen.insert(seen.end(), labels.begin(), labels.end());
  }
  return seen;
}

TEST(Batches, ComeInTheOrderOfTheDataSetWithTheShortOneLast) {
  const Dataset data = numbered(7);
  std::vector<Shape> shapes;
  std::int32_t next = 0;
  for (auto [images, labels] : batches(data, {.size = 3})) {
    shapes.push_back(images.shape());
    EXPECT_EQ(labels.dtype(), DType::i32);
    for (const std::int32_t label : labels.data<std::int32_t>()) EXPECT_EQ(label, next++);
    EXPECT_EQ(images.data<float>()[1], images.data<float>()[0] + 1);
    EXPECT_EQ(images.data<float>()[0], static_cast<float>(labels.data<std::int32_t>()[0]));
  }
  EXPECT_EQ(shapes, (std::vector<Shape>{{3, 2}, {3, 2}, {1, 2}}));
  EXPECT_EQ(next, 7);
}

TEST(Batches, KnowHowManyTheyAre) {
  const Dataset data = numbered(7);
  EXPECT_EQ(batches(data, {.size = 3}).size(), 3);
  EXPECT_EQ(batches(data, {.size = 3, .drop_last = true}).size(), 2);
  EXPECT_EQ(batches(data, {.size = 7}).size(), 1);
  EXPECT_EQ(batches(data, {.size = INT64_MAX}).size(), 1);
  EXPECT_EQ(batches(data, {.size = 8, .drop_last = true}).size(), 0);
  EXPECT_EQ(batches(numbered(0)).size(), 0);
  EXPECT_TRUE(order(numbered(0), {.shuffle = true}).empty());
}

TEST(Batches, CanLeaveOutAShortOne) {
  EXPECT_EQ(order(numbered(7), {.size = 3, .drop_last = true}), (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Batches, AreShuffledAnewInEveryEpochAndAlikeForEqualSeeds) {
  const Dataset data = numbered(100);
  const auto shuffled = [&](std::uint64_t seed, std::int64_t epoch) {
    return order(data, {.size = 9, .shuffle = true, .seed = seed, .epoch = epoch});
  };
  const std::vector<std::int32_t> first = shuffled(7, 0);
  EXPECT_EQ(first, shuffled(7, 0));
  EXPECT_NE(first, shuffled(7, 1));
  EXPECT_NE(first, shuffled(8, 0));
  EXPECT_NE(first, order(data, {}));
  for (std::vector<std::int32_t> each : {first, shuffled(7, 1), shuffled(8, 0)}) {
    std::sort(each.begin(), each.end());
    EXPECT_EQ(each, order(data, {}));
  }
}

TEST(Batches, DoNotChangeTheirOrderWithTheirSize) {
  const Dataset data = numbered(50);
  EXPECT_EQ(order(data, {.size = 7, .shuffle = true, .seed = 3}),
            order(data, {.size = 50, .shuffle = true, .seed = 3}));
}

TEST(Batches, KeepImagesAndLabelsTogetherWhenShuffled) {
  for (const auto& [images, labels] : batches(numbered(40), {.size = 6, .shuffle = true})) {
    for (std::size_t i = 0; i < labels.data<std::int32_t>().size(); ++i) {
      EXPECT_EQ(images.data<float>()[2 * i], static_cast<float>(labels.data<std::int32_t>()[i]));
    }
  }
}

TEST(Batches, GivePixelsDividedBy255CorrectlyRounded) {
  const Batch f32 = batches(all_bytes(), {.size = 4})[0];
  const Batch f64 = batches(all_bytes(), {.size = 4, .dtype = DType::f64})[0];
  EXPECT_EQ(f32.images.shape(), Shape({4, 8, 8}));
  for (std::size_t p = 0; p < 256; ++p) {
    const float divided = static_cast<float>(p) / 255.0f;  // one IEEE division is correctly rounded
    EXPECT_EQ(f32.images.data<float>()[p], divided) << p;
    EXPECT_EQ(static_cast<float>(static_cast<double>(p) / 255), divided) << p;
    EXPECT_EQ(f64.images.data<double>()[p], static_cast<double>(p) / 255) << p;
  }
  EXPECT_EQ(f32.labels.dtype(), DType::u8);
}

TEST(Batches, MultiplyByAScaleThatIsNoReciprocal) {
  Dataset data = all_bytes();
  data.scale = 0.3;
  EXPECT_EQ(batches(data, {.dtype = DType::f64})[0].images.data<double>()[7], 7 * 0.3);
  data.scale = 1;
  EXPECT_EQ(batches(data)[0].images.data<float>()[7], 7.0f);
}

TEST(Batches, ConvertFeaturesOfEveryType) {
  const Batch widened = batches(numbered(4), {.dtype = DType::f64})[0];
  EXPECT_EQ(widened.images.data<double>()[3], 2.0);
  const Dataset integers{Tensor({2, 4, 6, 8}, {2, 2}), Tensor({0, 1}), 0.5};
  EXPECT_EQ(batches(integers)[0].images.data<float>()[3], 4.0f);
  const Dataset doubles{Tensor({0.1, 0.2}, {2, 1}), Tensor({{0.0, 1.0}, {1.0, 0.0}})};
  const Batch narrowed = batches(doubles)[0];
  EXPECT_EQ(narrowed.images.data<float>()[0], 0.1f);
  EXPECT_EQ(narrowed.labels.shape(), Shape({2, 2}));
  EXPECT_EQ(narrowed.labels.dtype(), DType::f64);
}

TEST(Batches, RefuseFiniteNumbersThatTheirDtypeDoesNotHold) {
  const auto error = [](const Dataset& data, DType dtype) {
    return message_of<ValueError>([&] { batches(data, {.dtype = dtype})[0]; });
  };
  const std::string outcome = "nothing was thrown";
  const double inf = std::numeric_limits<double>::infinity();
  const Dataset large{Tensor({0.5, inf, -1e300, 2.0}, {2, 2})};
  EXPECT_EQ(error(large, DType::f32),
            "batches: the images hold -1e+300, which is infinite in f32; expected smaller numbers, or f64");
  EXPECT_EQ(error(large, DType::f64), outcome);
  const Dataset scaled{.images = Tensor({1e30F}, {1, 1}), .scale = 1e30};
  EXPECT_EQ(error(scaled, DType::f32),
            "batches: the images hold 1e+30 · 1e+30, which is infinite in f32; expected smaller numbers, or f64");
  EXPECT_EQ(error(scaled, DType::f64), outcome);
  const Dataset infinite{Tensor({inf, -inf}, {2, 1})};
  EXPECT_EQ(error(infinite, DType::f32), outcome);
}

TEST(Batches, GiveIntegersThroughNoFloatingDtype) {
  const std::int32_t odd = (1 << 24) + 1;  // which f32 does not hold
  const Dataset words{Tensor({odd, -2, 3, 4}, {2, 2}), Tensor({0, 1})};
  const Batch same = batches(words, {.dtype = DType::i32})[0], wide = batches(words, {.dtype = DType::i64})[0];
  EXPECT_EQ(values<std::int32_t>(same.images), (std::vector<std::int32_t>{odd, -2, 3, 4}));
  EXPECT_EQ(values<std::int64_t>(wide.images), (std::vector<std::int64_t>{odd, -2, 3, 4}));
  EXPECT_EQ(wide.images.shape(), Shape({2, 2}));
  EXPECT_EQ(wide.labels.dtype(), DType::i32);
  Dataset bytes = all_bytes();
  bytes.scale = 1;
  const Tensor last = batches(bytes, {.size = 3, .dtype = DType::i32})[1].images;
  EXPECT_EQ(last.shape(), Shape({1, 8, 8}));
  EXPECT_EQ(values<std::int32_t>(last)[63], 255);
  const Tensor places = numbered(9).labels;
  const Dataset shuffled{places, places};
  for (const auto& [images, labels] : batches(shuffled, {.size = 4, .shuffle = true, .dtype = DType::u8}))
    EXPECT_TRUE(same_bits(cast(images, DType::i32), labels));
}

TEST(Batches, RefuseIntegersThatTheirDtypeDoesNotHold) {
  const auto error = [](const Tensor& images, DType dtype) {
    return message_of<ValueError>([&] { batches({images}, {.dtype = dtype})[0]; });
  };
  const Tensor large(std::vector<std::int64_t>{5, std::int64_t{1} << 31}, {2, 1});
  EXPECT_EQ(error(large, DType::i32),
            "batches: the images hold 2147483648, which i32 does not; expected numbers that it holds, or i64");
  EXPECT_EQ(error(large, DType::i64), "nothing was thrown");
  EXPECT_EQ(error(Tensor({3, -1}), DType::u8),
            "batches: the images hold -1, which u8 does not; expected numbers that it holds, or i64");
  EXPECT_EQ(error(Tensor({3, 255}), DType::u8), "nothing was thrown");
}

TEST(Batches, RefuseFractionsWhereIntegersAreAskedFor) {
  const auto error = [](const Dataset& data) {
    return message_of<DTypeError>([&] { batches(data, {.dtype = DType::i32}); });
  };
  EXPECT_EQ(error(numbered(3)),
            "batches: the images are f32 of scale 1, and i32 is asked for; expected integers of scale 1");
  EXPECT_EQ(error({Tensor({1, 2}), {}, 0.5}),
            "batches: the images are i32 of scale 0.5, and i32 is asked for; expected integers of scale 1");
}

TEST(Batches, ThreadsMayAskForThemAtOnce) {
  const Batches all = batches(all_bytes_of(2000), {.size = 7, .shuffle = true, .seed = 5});
  std::vector<Tensor> alone;
  for (const Batch& batch : all) alone.push_back(batch.images);
  const auto same = [&] {
    bool equal = true;
    for (std::int64_t i = all.size(); i-- > 0;) {
      equal = equal && same_bits(all[i].images, alone[static_cast<std::size_t>(i)]);
    }
    return equal;
  };
  std::vector<std::future<bool>> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) threads.push_back(std::async(std::launch::async, same));
  for (std::future<bool>& thread : threads) EXPECT_TRUE(thread.get());
}

TEST(Batches, MayHaveNoLabels) {
  const Dataset data{.images = numbered(3).images};
  EXPECT_FALSE(batches(data)[0].labels.defined());
}

TEST(Batches, KeepTheDataAlive) {
  const auto made = [] { return batches(numbered(5), {.size = 2}); }();
  EXPECT_EQ(made[2].labels.data<std::int32_t>()[0], 4);
}

TEST(Batches, CanBeGoneThroughAgainAndAskedForOneByOne) {
  const Batches all = batches(numbered(5), {.size = 2, .shuffle = true});
  for (int pass = 0; pass < 2; ++pass) {
    std::int64_t i = 0;
    for (const Batch& batch : all) {
      EXPECT_EQ(batch.labels.data<std::int32_t>()[0], all[i++].labels.data<std::int32_t>()[0]);
    }
    EXPECT_EQ(i, all.size());
  }
  static_assert(std::input_iterator<Batches::Iterator>);
}

TEST(Batches, ComeFromPooledMemory) {
  const Batches all = batches(numbered(1000), {.size = 10, .shuffle = true});
  double seen = all[0].images.data<float>()[0];
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "the pool is off under the sanitizer";
#endif
  const std::uint64_t before = kernels::system_allocations();
  for (const Batch& batch : all) seen += static_cast<double>(batch.images.data<float>()[0]);
  EXPECT_EQ(kernels::system_allocations(), before);
  EXPECT_GT(seen, 0);
}

TEST(Batches, SayWhichOptionIsOutOfRange) {
  const Dataset data = numbered(5);
  EXPECT_THROW(batches(data, {.size = 0}), ValueError);
  EXPECT_THROW(batches(data, {.size = -1}), ValueError);
  EXPECT_THROW(batches(data, {.epoch = -1}), ValueError);
  EXPECT_THROW(batches(data, {.dtype = DType::i32}), DTypeError);
  EXPECT_THROW(batches(Dataset{Tensor({0, 1})}, {.dtype = DType::boolean}), DTypeError);
  EXPECT_THROW(batches(Dataset{Tensor({true, false})}, {.dtype = DType::i32}), DTypeError);
  EXPECT_THROW(batches(data)[1], ValueError);
  EXPECT_THROW(batches(data)[-1], ValueError);
  EXPECT_THROW(batches(Dataset{}), ValueError);
  EXPECT_THROW(batches(Dataset{Tensor(1.0f), Tensor(1)}), ShapeError);
  try {
    batches(Dataset{numbered(5).images, Tensor({1, 2})});
    FAIL() << "took five images and two labels";
  } catch (const ShapeError& error) {
    EXPECT_STREQ(error.what(),
                 "dataset: images [5, 2] and labels [2]; expected the same number of samples first in both");
  }
}

}  // namespace
}  // namespace wengert::datasets
