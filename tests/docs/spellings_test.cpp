#include <docs/sample.h>
#include <gtest/gtest.h>

#include <wengert/wengert.h>

// Spellings that programs outside of this repository are written with: they must go on to compile, as they stand.

namespace wg = wengert;

namespace {

TEST(Spellings, OfDerivatives) {
  wg::Tape tape;
  wg::Tensor x = tape.watch(wg::Tensor({1.0, 2.0, 3.0}));
  wg::Tensor y = wg::sum(wg::sigmoid(x));
  wg::Tensor dx = tape.gradient(y, x);
  std::vector<wg::Tensor> several = tape.gradient(y, {x, y});
  std::vector<wg::Tensor> one = tape.gradient(y, {x});
  auto f = [](const wg::Tensor& t) { return wg::sum(wg::tanh(t) * t); };
  auto d2f = wg::grad([&](const wg::Tensor& t) { return wg::sum(wg::grad(f)(t)); });

  EXPECT_EQ(dx.shape(), (wg::Shape{3}));
  EXPECT_EQ(dx.dtype(), wg::DType::f64);
  EXPECT_EQ(several.size(), 2u);
  EXPECT_EQ(one.size(), 1u);
  EXPECT_NEAR(d2f(wg::Tensor({0.0})).item<double>(), 2, 1e-15);  // (x tanh x)″ = 2 (1 − tanh² x)(1 − x tanh x)
  EXPECT_EQ(wg::Tensor({1.0f}).dtype(), wg::DType::f32);
  EXPECT_EQ(wg::Tensor({1, 2}).dtype(), wg::DType::i32);
  EXPECT_EQ(wg::Tensor({0, 0.5, 1}).dtype(), wg::DType::f64);
}

void train_by_hand() {
  auto data = wg::datasets::fashion_mnist();
  wg::nn::Sequential model{wg::nn::Flatten{}, wg::nn::Dense{784, 128, wg::nn::relu},
                           wg::nn::Dense{128, 10, wg::nn::softmax}};
  wg::optim::Adam adam{model.parameters(), {.learning_rate = 1e-3}};
  auto step = wg::compile([&](const wg::Tensor& images, const wg::Tensor& labels) {
    wg::Tape tape;
    wg::Tensor loss = wg::nn::sparse_categorical_crossentropy(model(images), labels);
    adam.step(tape.gradient(loss));
    return loss;
  });
  double first = 0, last = 0;
  for (int epoch = 0; epoch < 5; ++epoch)
    for (auto [images, labels] :
         wg::datasets::batches(data.train, {.size = 32, .shuffle = true, .seed = 7, .epoch = epoch})) {
      last = step(images, labels).item();
      if (first == 0) first = last;
    }
  EXPECT_LT(last, first / 2);
}

TEST(Spellings, OfAModelThatIsTrainedByHand) { wengert::test::expect_prints(&train_by_hand, ""); }

void train_with_fit() {
  auto data = wg::datasets::fashion_mnist();
  wg::nn::Sequential model{wg::nn::Flatten{}, wg::nn::Dense{784, 128, wg::nn::relu},
                           wg::nn::Dense{128, 10, wg::nn::softmax}};
  wg::optim::Adam adam{model.parameters(), {.learning_rate = 1e-3}};
  auto history = wg::training::fit(model, adam, wg::nn::sparse_categorical_crossentropy, data.train,
                                   {.epochs = 5, .batch_size = 32});
  EXPECT_EQ(history["loss"].size(), 5u);
  EXPECT_LT(history["loss"].back(), history["loss"].front() / 2);
}

TEST(Spellings, OfAModelThatIsTrainedWithFit) { wengert::test::expect_prints(&train_with_fit, std::nullopt); }

TEST(Spellings, OfTheGradientCheck) {
  auto report = wg::gradcheck([](const wg::Tensor& t) { return wg::gelu(t); }, wg::Tensor({-1.5, 0.2, 3.0}));
  EXPECT_TRUE(report.passed);
  EXPECT_LT(report.max_relative_error, 1e-6);
}

}  // namespace
