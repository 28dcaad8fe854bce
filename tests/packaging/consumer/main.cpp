#include <cstdio>

#include <wengert/wengert.h>

// d/dx of x² at 3 is 6, and d/dx of σ at 0 is a quarter.
int main() {
  const wengert::Tensor x({3.0});
  const auto square = wengert::grad([](const wengert::Tensor& t) { return wengert::sum(t * t); });
  const auto sigmoid = wengert::grad([](const wengert::Tensor& t) { return wengert::sum(wengert::sigmoid(t - 3)); });
  const double six = square(x).item<double>();
  const double quarter = sigmoid(x).item<double>();
  std::printf("wengert: %g %g\n", six, quarter);
  return six == 6 && quarter == 0.25 ? 0 : 1;
}
