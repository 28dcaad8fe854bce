// Products of matrices beside those of other libraries, by one thread, taking turns:
//
//     products [--shapes N] [--rounds N]  (rounds of a product, at least)
//
// The named shapes, and N random ones with m, n and k spread evenly by their logarithms up to 4096, in f32 and f64.
// Prints JSON: for every product the FLOP/s of each library, the best of several rounds. Operands lie as those of
// tensors do. OpenBLAS, BLIS and oneDNN take part where they are installed; they are loaded, each by itself, for two
// that are linked would take one another's names.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "eigen.h"
#include <dlfcn.h>
#include <hwy/targets.h>
#include <nlohmann/json.hpp>

#include <wengert/autograd/kernels/gemm.h>
#include <wengert/autograd/kernels/memory.h>

namespace {

using nlohmann::json;
using products::Shape;
using wengert::kernels::PoolVector;

/// C [m, n] = A · B, all row-major; where asked A is in memory as [k, m].
template <typename T>
using Product = std::function<void(const Shape&, const T* a, const T* b, T* c)>;

template <typename T>
void ours(const Shape& s, const T* a, const T* b, T* c) {
  using wengert::kernels::MatrixView;
  wengert::kernels::gemm(wengert::dtype_of<T>, s.m, s.n, s.k, MatrixView{a, s.transpose_a ? s.m : s.k, s.transpose_a},
                         MatrixView{b, s.n}, c, s.n);
}

template <typename F>
F* function(void* library, const char* name) {
  return reinterpret_cast<F*>(dlsym(library, name));  // NOLINT: how POSIX gives functions
}

/// A shared library with names of its own; nothing where it is not installed.
void* load(const char* name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND); }

/// OpenBLAS and BLIS choose their kernels by the processor's model, and for one that is newer than they are those of an
/// old one. Told its instruction set they take what is best there; whoever has said otherwise is heeded.
void tell_instruction_set() {
  const std::int64_t targets = hwy::SupportedTargets();
  const bool has_avx512 = (targets & HWY_AVX3) != 0;
  if (has_avx512 || (targets & HWY_AVX2) != 0) setenv("OPENBLAS_CORETYPE", has_avx512 ? "SkylakeX" : "Haswell", 0);
  void* const blis = has_avx512 ? load("libblis.so.4") : nullptr;
  if (blis == nullptr) return;
  auto* const name_of = function<const char*(int number)>(blis, "bli_arch_string");
  for (int number = 0; number < 8; ++number) {
    if (name_of(number) == std::string_view("skx")) setenv("BLIS_ARCH_TYPE", std::to_string(number).c_str(), 0);
  }
}

template <typename T>
std::optional<Product<T>> cblas(void* library) {
  using Gemm = void(int order, int trans_a, int trans_b, int m, int n, int k, T alpha, const T* a, int lda, const T* b,
                    int ldb, T beta, T* c, int ldc);
  constexpr int row_major = 101, plain = 111, transposed = 112;  // of CBLAS
  auto* const gemm = function<Gemm>(library, sizeof(T) == 4 ? "cblas_sgemm" : "cblas_dgemm");
  if (gemm == nullptr) return std::nullopt;
  return [gemm](const Shape& s, const T* a, const T* b, T* c) {
    gemm(row_major, s.transpose_a ? transposed : plain, plain, s.m, s.n, s.k, T{1}, a, s.transpose_a ? s.m : s.k, b,
         s.n, T{0}, c, s.n);
  };
}

template <typename T>
std::vector<std::pair<std::string, Product<T>>> libraries() {
  std::vector<std::pair<std::string, Product<T>>> found{{"wengert", ours<T>}, {"Eigen", products::eigen<T>}};
  if (void* const library = load("libopenblas.so.0")) {
    if (auto product = cblas<T>(library)) found.emplace_back("OpenBLAS", *product);
  }
  if (void* const library = load("libblis.so.4")) {
    if (auto product = cblas<T>(library)) found.emplace_back("BLIS", *product);
  }
  if (void* const library = load("libdnnl.so.2"); library != nullptr && sizeof(T) == 4) {  // no f64 in oneDNN
    using Gemm =
        int(char trans_a, char trans_b, std::int64_t m, std::int64_t n, std::int64_t k, float alpha, const float* a,
            std::int64_t lda, const float* b, std::int64_t ldb, float beta, float* c, std::int64_t ldc);
    if (auto* const gemm = function<Gemm>(library, "dnnl_sgemm")) {
      if constexpr (sizeof(T) == 4) {
        found.emplace_back("oneDNN", [gemm](const Shape& s, const float* a, const float* b, float* c) {
          gemm(s.transpose_a ? 'T' : 'N', 'N', s.m, s.n, s.k, 1, a, s.transpose_a ? s.m : s.k, b, s.n, 0, c, s.n);
        });
      }
    }
  }
  return found;
}

/// Rounds of small products go on until they have taken so long together: a round is a millisecond, and what else
/// happens on a machine lasts longer.
constexpr double least_seconds = 0.1;

double seconds_of(const std::function<void()>& work, int times) {
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < times; ++i) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count() / times;
}

template <typename T>
json measure(const Shape& s, int rounds) {
  std::uint32_t state = 1;
  const auto filled = [&](std::int64_t size) {
    PoolVector<T> values(static_cast<std::size_t>(size));
    for (T& value : values) {
      state = state * 1664525U + 1013904223U;  // "Numerical Recipes": quick, and random enough
      value = static_cast<T>(state >> 8) / T{1 << 23} - 1;
    }
    return values;
  };
  const std::int64_t m = s.m, n = s.n, k = s.k;
  const PoolVector<T> a = filled(m * k), b = filled(k * n);
  PoolVector<T> expected(static_cast<std::size_t>(m * n)), c = expected;
  products::eigen<T>(s, a.data(), b.data(), expected.data());
  static const auto all = libraries<T>();
  const double flop = 2.0 * s.m * s.n * s.k;
  const int times = std::max(1, static_cast<int>(std::min(2e7 / flop, 2e4)));
  std::vector<double> best(all.size(), 1e9);
  double measured = 0;  // seconds
  for (int round = 0; round <= rounds || measured < least_seconds; ++round) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double taken = seconds_of([&] { all[i].second(s, a.data(), b.data(), c.data()); }, times);
      measured += taken * times;
      if (round > 0) {
        best[i] = std::min(best[i], taken);
        continue;
      }
      // The sums of k products that are between −1 and 1, in another order.
      const T room = 4 * std::numeric_limits<T>::epsilon() * static_cast<T>(s.k) + std::numeric_limits<T>::epsilon();
      for (std::size_t j = 0; j < c.size(); ++j) {
        if (!(std::abs(c[j] - expected[j]) <= room)) throw std::runtime_error(all[i].first + ": another product");
      }
    }
  }
  json rates = json::object();
  for (std::size_t i = 0; i < all.size(); ++i) rates[all[i].first] = flop / best[i];
  return {{"m", s.m}, {"n", s.n}, {"k", s.k}, {"transpose_a", s.transpose_a}, {"rates", rates}};
}

template <typename T>
json measure_all(int random_shapes, int rounds) {
  json named = json::array(), random = json::array();
  for (const Shape& shape : {Shape{32, 128, 784},
                             {784, 128, 32, true},
                             {32, 10, 128},
                             {256, 256, 256},
                             {512, 512, 512},
                             {1024, 1024, 1024},
                             {2048, 2048, 2048},
                             {4096, 16, 512},
                             {16, 4096, 512},
                             {128, 1024, 784}}) {
    named.push_back(measure<T>(shape, rounds));
  }
  std::mt19937 source(2);
  std::uniform_real_distribution<double> logarithm(0, std::log(4096.0));
  const auto extent = [&] { return static_cast<int>(std::lround(std::exp(logarithm(source)))); };
  for (int i = 0; i < random_shapes; ++i) {
    const int m = extent(), n = extent(), k = extent();
    random.push_back(measure<T>({m, n, k}, rounds));
  }
  return {{"named", named}, {"random", random}};
}

}  // namespace

int main(int argc, char** argv) try {
  int shapes = 200, rounds = 2;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--shapes") shapes = std::stoi(argv[i + 1]);
    if (flag == "--rounds") rounds = std::stoi(argv[i + 1]);
  }
  for (const char* name : {"WENGERT_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS"}) {
    setenv(name, "1", 1);  // read when a library is loaded, or first used
  }
  tell_instruction_set();
  std::cout << json{{"f32", measure_all<float>(shapes, rounds)}, {"f64", measure_all<double>(shapes, rounds)}} << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << "products: " << error.what() << '\n';
  return 1;
}
