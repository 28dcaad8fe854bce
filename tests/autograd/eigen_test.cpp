#include <memory>

#include "support/message_of.h"
#include "support/tensors.h"
#include <Eigen/Dense>
#include <gtest/gtest.h>

#include <wengert/eigen.h>

namespace wengert {
namespace {

template <typename T>
concept ShownAsMatrix = requires(T tensor) {
  as_matrix<double>(static_cast<T>(tensor));
};
static_assert(ShownAsMatrix<const Tensor&>);
static_assert(!ShownAsMatrix<Tensor&&>, "a view of a temporary would dangle");

TEST(EigenBridge, ShowsTensorsWithoutCopying) {
  const Tensor matrix({{1.0, 2.0, 3.0}, {4.0, 5.0, 6.0}});
  const auto view = as_matrix<double>(matrix);
  EXPECT_EQ(view.data(), matrix.data<double>().data());
  EXPECT_EQ(view.rows(), 2);
  EXPECT_EQ(view(1, 0), 4.0);
  EXPECT_EQ((view * view.transpose())(0, 1), 32.0);
  const Tensor vector({1, 2, 3});
  EXPECT_EQ(as_vector<int>(vector).sum(), 6);
  const Tensor flags({true, false});
  EXPECT_TRUE(as_vector<bool>(flags).any());
  const Tensor nothing = zeros({0, 3});
  EXPECT_EQ(as_matrix<float>(nothing).rows(), 0);
}

TEST(EigenBridge, RefusesOtherRanksAndDTypes) {
  const Tensor matrix = zeros({2, 2});
  EXPECT_THROW(as_vector<float>(matrix), ShapeError);
  EXPECT_THROW(as_matrix<double>(matrix), DTypeError);
  const Tensor scalar(1.0);
  EXPECT_THROW(as_matrix<double>(scalar), ShapeError);
}

TEST(EigenBridge, TakesTheValuesOfExpressions) {
  Eigen::Matrix2d columns;  // stored by columns
  columns << 1, 2, 3, 4;
  EXPECT_TRUE(same_bits(to_tensor(columns), Tensor({{1.0, 2.0}, {3.0, 4.0}})));
  EXPECT_TRUE(same_bits(to_tensor(columns * 2), Tensor({{2.0, 4.0}, {6.0, 8.0}})));
  EXPECT_TRUE(same_bits(to_tensor(columns.transpose()), Tensor({{1.0, 3.0}, {2.0, 4.0}})));
  EXPECT_TRUE(same_bits(to_tensor(columns.row(1)), Tensor({3.0, 4.0})));
  EXPECT_TRUE(same_bits(to_tensor(columns.array() + 1), Tensor({{2.0, 3.0}, {4.0, 5.0}})));
  EXPECT_TRUE(same_bits(to_tensor(Eigen::MatrixXf(0, 3)), zeros({0, 3})));
  const Tensor taken = to_tensor(columns);
  columns(0, 0) = 100;
  EXPECT_EQ(taken.data<double>()[0], 1.0) << "a tensor of its own";
}

TEST(EigenBridge, RefusesAMatrixThatIsNotThere) {
  EXPECT_EQ(message_of<ValueError>([] { borrow(std::shared_ptr<const EigenMatrix<float>>()); }),
            "borrow: no matrix was given (null pointer)");
}

TEST(EigenBridge, BorrowsAMatrixAndKeepsIt) {
  auto matrix = std::make_shared<EigenMatrix<float>>(2, 2);
  *matrix << 1, 2, 3, 4;
  const float* elements = matrix->data();
  const std::weak_ptr<const EigenMatrix<float>> life = matrix;
  Tensor tensor = borrow(std::shared_ptr<const EigenMatrix<float>>(std::move(matrix)));
  EXPECT_EQ(tensor.data<float>().data(), elements);
  EXPECT_FALSE(life.expired());
  EXPECT_TRUE(same_bits(tensor, Tensor({{1.0F, 2.0F}, {3.0F, 4.0F}})));
  tensor = {};
  EXPECT_TRUE(life.expired());
}

}  // namespace
}  // namespace wengert
