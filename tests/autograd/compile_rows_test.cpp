#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <support/compiled.h>

#include <wengert/autograd/compile.h>
#include <wengert/autograd/internal/memory_plan.h>
#include <wengert/autograd/internal/passes.h>
#include <wengert/autograd/operations.h>
#include <wengert/autograd/parameter.h>
#include <wengert/autograd/tape.h>
#include <wengert/autograd/threads.h>

// Runs of records that threads divide among them by rows.

namespace wengert {
namespace {

using Function = std::function<Tensors(std::span<const Tensor>)>;

/// A value that has a place in memory, and whether a run makes its rows.
struct Placed {
  std::uint32_t value = 0;
  std::size_t begin = 0, end = 0;
  bool is_made = false;
};

/// Where what a run reads and writes stands.
std::vector<Placed> placed_in(const detail::Graph& graph, const detail::RowRun& run) {
  const detail::MemoryPlan plan = detail::plan_memory(graph);
  std::map<std::uint32_t, Placed> placed;
  const auto add = [&](const detail::Use& use, bool is_made) {
    const std::uint32_t value = detail::root_of(graph, use.value).value;
    const std::size_t begin = plan.offsets[value];
    if (begin == detail::MemoryPlan::elsewhere) return;
    placed.try_emplace(value, Placed{value, begin, begin + graph.values[value].bytes(), is_made});
  };
  for (const detail::GraphRecord& record : std::span(graph.records).subspan(run.first, run.count)) {
    for (const detail::Use& use : record.inputs) add(use, false);
    for (const detail::Use& use : record.outputs) add(use, true);
  }
  std::vector<Placed> values;
  for (const auto& [value, place] : placed) values.push_back(place);
  return values;
}

/// Two values of a run share memory only where it makes both, and each row of one stands where that of the other did.
void expect_rows_apart(const detail::Graph& graph) {
  for (const detail::RowRun& run : graph.row_runs) {
    const std::vector<Placed> values = placed_in(graph, run);
    for (const Placed& a : values) {
      for (const Placed& b : values) {
        if (a.value >= b.value || a.end <= b.begin || b.end <= a.begin) continue;
        EXPECT_TRUE(a.is_made && b.is_made && a.begin == b.begin && a.end == b.end)
            << "values " << a.value << " and " << b.value;
      }
    }
  }
}

/// The runs of a function's program.
std::vector<detail::RowRun> runs_of(const Function& function, const Tensors& inputs) {
  detail::Graph graph = recorded(function, inputs);
  graph = detail::share_parts(detail::fuse_pointwise(detail::remove_dead_records(std::move(graph))));
  graph = detail::divide_rows(std::move(graph));
  expect_rows_apart(graph);
  return graph.row_runs;
}

/// Eager's bits for every number of threads, again and again: who is ahead of whom is another one every time.
void expect_eager_bits(const Function& function, const Tensors& inputs) {
  const Tensors expected = function(inputs);
  auto compiled = compile(function);
  for (const int count : {1, 2, 3, 7}) {
    const ThreadLimit limit(count);
    for (int call = 0; call < 20; ++call) {
      const Tensors given = compiled(std::span<const Tensor>(inputs));
      for (std::size_t i = 0; i < expected.size(); ++i)
        ASSERT_TRUE(same_bits(given[i], expected[i])) << "result " << i << ", " << count << " threads, call " << call;
    }
  }
}

/// A recurrent net: of its input at the beginning alone.
Tensors recurrent(std::span<const Tensor> in) {
  Tensor h = in[0];
  for (int step = 0; step < 12; ++step) h = tanh(matmul(h, in[1]) + in[2]) * 0.5 + h;
  return {h};
}

TEST(RowRuns, GiveTheBitsOfEagerWithManyThreads) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    // 40 and 117 rows are no whole multiple of what a product is divided by.
    for (const std::int64_t rows : {32, 40, 117}) {
      SCOPED_TRACE(rows);
      const Tensors inputs{numbers({rows, 64}, 1, dtype), numbers({64, 64}, 2, dtype), numbers({64}, 3, dtype)};
      const auto runs = runs_of(recurrent, inputs);
      ASSERT_EQ(runs.size(), 1U);
      EXPECT_EQ(runs[0].count, 24U);
      EXPECT_EQ(runs[0].rows, rows);
      expect_eager_bits(recurrent, inputs);
    }
  }
}

/// A recurrent net whose formulas read what was made before once more, moved along an axis.
template <std::int64_t axis>
Tensors moved_along(std::span<const Tensor> in) {
  Tensor h = in[0];
  for (int step = 0; step < 12; ++step) {
    const Tensor next = tanh(matmul(h, in[1]) + in[2]);
    h = next * 0.5 + flip(next, axis) * h;
  }
  return {h};
}

TEST(RowRuns, GoOnWhereElementsAreMovedWithinARow) {
  const Tensors inputs{numbers({64, 64}, 1), numbers({64, 64}, 2), numbers({64}, 3)};
  const auto within = runs_of(moved_along<1>, inputs);
  ASSERT_EQ(within.size(), 1U);
  EXPECT_EQ(within[0].count, 36U);
  EXPECT_TRUE(runs_of(moved_along<0>, inputs).empty());
  expect_eager_bits(moved_along<1>, inputs);
  expect_eager_bits(moved_along<0>, inputs);
}

/// Wide and narrow values in turn, whose places in memory do not fit one another: no thread's rows may come to stand
/// where another thread still reads its own.
Tensors narrow_and_wide(std::span<const Tensor> in) {
  Tensor h = in[0];
  for (int step = 0; step < 8; ++step) {
    const Tensor wide = tanh(matmul(h, in[1])), middle = sigmoid(matmul(wide, in[2]));
    h = matmul(middle, in[3]) * 0.125 + h;
  }
  return {h};
}

TEST(RowRuns, KeepApartWhatThreadsAreStillReading) {
  const Tensors inputs{numbers({48, 16}, 1), numbers({16, 160}, 2), numbers({160, 48}, 3), numbers({48, 16}, 4)};
  ASSERT_EQ(runs_of(narrow_and_wide, inputs).size(), 1U);
  expect_eager_bits(narrow_and_wide, inputs);
}

/// A matrix that is itself computed, read by all threads to the end of the run's first half.
Tensors with_computed_matrices(std::span<const Tensor> in) {
  const Tensor first = matmul(in[1], in[1]), second = sigmoid(matmul(first, in[1]));
  Tensor h = in[0];
  for (int step = 0; step < 6; ++step) h = tanh(matmul(h, first));
  for (int step = 0; step < 6; ++step) h = tanh(matmul(h, second));
  h = matmul(exp(first), second) + h;  // the exponential not in the place of `first`
  for (int step = 0; step < 6; ++step) h = tanh(matmul(h, second));
  return {h};
}

TEST(RowRuns, KeepMatricesThatAllThreadsRead) {
  // Of as many rows as what is multiplied by them: they must not be taken for rows of it.
  const Tensors inputs{numbers({64, 64}, 1), numbers({64, 64}, 2) * 0.25};
  EXPECT_EQ(runs_of(with_computed_matrices, inputs).size(), 1U);
  expect_eager_bits(with_computed_matrices, inputs);
}

TEST(RowRuns, EndWhereARecordReadsOtherRowsThanItsOwn) {
  const Function gram = [](std::span<const Tensor> in) {
    Tensor h = in[0];
    for (int step = 0; step < 4; ++step) {
      for (int i = 0; i < 10; ++i) h = tanh(matmul(h, in[1]));
      h = matmul(matmul(h, h, {.transpose_b = true}), in[0]) * 0.1;  // all rows of h
    }
    return Tensors{h, sum(h, {0})};
  };
  const Tensors inputs{numbers({64, 64}, 1), numbers({64, 64}, 2)};
  const auto runs = runs_of(gram, inputs);
  EXPECT_GE(runs.size(), 4U);
  expect_eager_bits(gram, inputs);
}

/// The cell of an LSTM, whose gates are parts of one product; with its gradients.
Tensors lstm(std::span<const Tensor> in) {
  Tape tape;
  const Tensor wx = tape.watch(in[1]), wh = tape.watch(in[2]);
  const std::int64_t length = in[0].shape()[0], batch = in[0].shape()[1], hidden = in[2].shape()[0];
  Tensor h = zeros({batch, hidden}), c = h;
  for (const Tensor& now : split(matmul(in[0], wx), length)) {
    const Tensors gates = split(squeeze(now, {0}) + matmul(h, wh), 4, 1);
    c = sigmoid(gates[1]) * c + sigmoid(gates[0]) * tanh(gates[2]);
    h = sigmoid(gates[3]) * tanh(c);
  }
  const Tensor loss = mean(h * h);
  Tensors results = tape.gradient(loss, Tensors{wx, wh});
  results.push_back(loss);
  return results;
}

TEST(RowRuns, FollowPartsOfRows) {
  const Tensors inputs{numbers({9, 32, 16}, 1), numbers({16, 192}, 2), numbers({48, 192}, 3)};
  EXPECT_GE(runs_of(lstm, inputs).size(), 1U);
  expect_eager_bits(lstm, inputs);
}

TEST(RowRuns, LeaveParametersToRecordsOfTheirOwn) {
  // Rows of a parameter as many as those of the batch: its update must wait for all who read it.
  const auto trained = [](bool is_compiled) {
    Parameter weight(numbers({64, 64}, 1), "weight");
    const Tensor x = numbers({64, 64}, 2);
    const auto step = [&] {
      Tape tape;
      Tensor h = x;
      for (int layer = 0; layer < 6; ++layer) h = tanh(matmul(h, weight.value()));
      const Tensor loss = mean(h * h);
      weight.assign(stop_gradient(weight - 0.5 * tape.gradient(loss)[weight]));
      return loss;
    };
    auto compiled = compile(step);
    for (int i = 0; i < 20; ++i) is_compiled ? compiled() : step();
    return weight.value();
  };
  const Tensor expected = trained(false);
  for (const int count : {1, 2, 4}) {
    const ThreadLimit limit(count);
    EXPECT_TRUE(same_bits(trained(true), expected)) << count << " threads";
  }
}

TEST(RowRuns, AreLeftOutWhereTheyAreNotWorthIt) {
  const Tensors inputs{numbers({32, 4}, 1), numbers({4, 4}, 2), numbers({4}, 3)};  // fewer columns than bits ask for
  EXPECT_TRUE(runs_of(recurrent, inputs).empty());
  const Tensors few{numbers({31, 64}, 1), numbers({64, 64}, 2), numbers({64}, 3)};
  EXPECT_TRUE(runs_of(recurrent, few).empty());
}

TEST(RowRuns, AreShownByExplain) {
  const Tensors inputs{numbers({32, 64}, 1), numbers({64, 64}, 2), numbers({64}, 3)};
  const Function function = recurrent;
  auto compiled = compile(function), apart = compile(function, {.divide_rows = false});
  compiled(std::span<const Tensor>(inputs));
  apart(std::span<const Tensor>(inputs));
  EXPECT_NE(compiled.explain().find("| 23  "), std::string::npos) << compiled.explain();
  EXPECT_EQ(apart.explain().find("| "), std::string::npos);
}

TEST(ThreadsOfARowRun, DivideItAgainAndAgain) {
  const Tensors inputs{numbers({64, 16}, 1), numbers({16, 160}, 2), numbers({160, 48}, 3), numbers({48, 16}, 4)};
  expect_eager_bits(narrow_and_wide, inputs);
}

}  // namespace
}  // namespace wengert
