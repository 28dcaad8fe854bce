#pragma once

#include <mpfr.h>

/// Numbers of thousands of binary digits by MPFR (Fousse et al., 2007), for formulas that are written down as they
/// stand in a textbook and then cannot lose the digits of a double.

namespace wengert::precise {

class Precise {
 public:
  static constexpr mpfr_prec_t bits = 2000;

  Precise() { mpfr_init2(value_, bits); }
  Precise(double value) : Precise() { mpfr_set_d(value_, value, MPFR_RNDN); }  // NOLINT(google-explicit-constructor)
  Precise(const Precise& other) : Precise() { mpfr_set(value_, other.value_, MPFR_RNDN); }
  Precise& operator=(const Precise& other) {
    mpfr_set(value_, other.value_, MPFR_RNDN);
    return *this;
  }
  ~Precise() { mpfr_clear(value_); }

  mpfr_ptr get() { return value_; }
  mpfr_srcptr get() const { return value_; }
  bool is_nan() const { return mpfr_nan_p(value_) != 0; }
  bool is_finite() const { return mpfr_number_p(value_) != 0; }
  bool is_zero() const { return mpfr_zero_p(value_) != 0; }
  /// Rounded to double; where that is a subnormal number, twice.
  double to_double() const { return mpfr_get_d(value_, MPFR_RNDN); }
  /// e with 2ᵉ⁻¹ ≤ |x| < 2ᵉ, for x ≠ 0.
  long exponent() const { return mpfr_get_exp(value_); }

 private:
  mpfr_t value_;
};

#define WENGERT_PRECISE_1(name, function)  \
  inline Precise name(const Precise& x) {  \
    Precise y;                             \
    function(y.get(), x.get(), MPFR_RNDN); \
    return y;                              \
  }
#define WENGERT_PRECISE_2(name, function)                   \
  inline Precise name(const Precise& a, const Precise& b) { \
    Precise y;                                              \
    function(y.get(), a.get(), b.get(), MPFR_RNDN);         \
    return y;                                               \
  }
WENGERT_PRECISE_2(operator+, mpfr_add)
WENGERT_PRECISE_2(operator-, mpfr_sub)
WENGERT_PRECISE_2(operator*, mpfr_mul)
WENGERT_PRECISE_2(operator/, mpfr_div)
WENGERT_PRECISE_2(pow, mpfr_pow)
WENGERT_PRECISE_2(atan2, mpfr_atan2)
WENGERT_PRECISE_2(hypot, mpfr_hypot)
WENGERT_PRECISE_1(operator-, mpfr_neg)
WENGERT_PRECISE_1(abs, mpfr_abs)
WENGERT_PRECISE_1(sqrt, mpfr_sqrt)
WENGERT_PRECISE_1(exp, mpfr_exp)
WENGERT_PRECISE_1(expm1, mpfr_expm1)
WENGERT_PRECISE_1(log, mpfr_log)
WENGERT_PRECISE_1(log1p, mpfr_log1p)
WENGERT_PRECISE_1(sin, mpfr_sin)
WENGERT_PRECISE_1(cos, mpfr_cos)
WENGERT_PRECISE_1(tan, mpfr_tan)
WENGERT_PRECISE_1(asin, mpfr_asin)
WENGERT_PRECISE_1(acos, mpfr_acos)
WENGERT_PRECISE_1(atan, mpfr_atan)
WENGERT_PRECISE_1(sinh, mpfr_sinh)
WENGERT_PRECISE_1(cosh, mpfr_cosh)
WENGERT_PRECISE_1(tanh, mpfr_tanh)
WENGERT_PRECISE_1(asinh, mpfr_asinh)
WENGERT_PRECISE_1(acosh, mpfr_acosh)
WENGERT_PRECISE_1(atanh, mpfr_atanh)
WENGERT_PRECISE_1(erf, mpfr_erf)
WENGERT_PRECISE_1(erfc, mpfr_erfc)
WENGERT_PRECISE_1(floor, mpfr_rint_floor)
WENGERT_PRECISE_1(ceil, mpfr_rint_ceil)
WENGERT_PRECISE_1(round_to_even, mpfr_rint_roundeven)
#undef WENGERT_PRECISE_1
#undef WENGERT_PRECISE_2

inline bool operator<(const Precise& a, const Precise& b) { return mpfr_less_p(a.get(), b.get()) != 0; }
inline bool operator>(const Precise& a, const Precise& b) { return b < a; }
inline Precise minimum(const Precise& a, const Precise& b) { return a < b ? a : b; }
inline Precise maximum(const Precise& a, const Precise& b) { return a < b ? b : a; }
/// x · 2ᵏ
inline Precise scaled(const Precise& x, long k) {
  Precise y;
  mpfr_mul_2si(y.get(), x.get(), k, MPFR_RNDN);
  return y;
}

}  // namespace wengert::precise
