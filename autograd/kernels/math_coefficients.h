#pragma once

#include <array>

namespace wengert::kernels::math {

// Minimax polynomials of the functions in math_*-inl.h, lowest power first, computed for this library with Sollya's
// fpminimax (Brisebarre and Chevillard, "Efficient polynomial L∞-approximations", ARITH 2007). Each comes for results
// in f64 and, shorter, for results that are rounded to f32; the comment names the error relative to the function
// wanted.

// (eʳ − 1 − r) / r² on |r| ≤ ½ ln 2: 2⁻⁶² and 2⁻³².
template <typename T>
inline constexpr auto exp_tail = std::array{0x1p-1,
                                            0x1.5555555555557p-3,
                                            0x1.5555555555557p-5,
                                            0x1.111111111002fp-7,
                                            0x1.6c16c16c1568ep-10,
                                            0x1.a01a01ac3868fp-13,
                                            0x1.a01a01aba7114p-16,
                                            0x1.71de014b13815p-19,
                                            0x1.27e4cf8130412p-22,
                                            0x1.af4fa8861bd03p-26,
                                            0x1.1f874c416f53cp-29};
template <>
inline constexpr auto exp_tail<float> = std::array{0x1.0000000bc018ap-1, 0x1.55555574ab932p-3,  0x1.5554e7e3c4dffp-5,
                                                   0x1.1110aa5fce0d6p-7, 0x1.6d44b50fdba01p-10, 0x1.a17fe1fb5239ap-13};

// (2 artanh s − 2s) / s³ in s², on |s| ≤ (√2 − 1) / (√2 + 1): 2⁻⁵⁷ and 2⁻³⁵.
template <typename T>
inline constexpr auto artanh_tail =
    std::array{0x1.5555555555558p-1, 0x1.999999999528ep-2, 0x1.2492492e01479p-2, 0x1.c71c62ce93b58p-3,
               0x1.7462bb6a69eb7p-3, 0x1.39fd7ee581d86p-3, 0x1.2b631d1836844p-3};
template <>
inline constexpr auto artanh_tail<float> =
    std::array{0x1.5555554b89125p-1, 0x1.9999ec349a917p-2, 0x1.245bf1b6aa12ep-2, 0x1.ddde509076e25p-3};

// ((2 artanh s − 2s) / s³ − 2/3) / s² in s², on the same: 2 artanh s is met to 2⁻⁶⁹, beyond f64.
inline constexpr std::array artanh_long_tail = {0x1.999999999999ap-2, 0x1.24924924922fdp-2, 0x1.c71c71c74cc0bp-3,
                                                0x1.745d173ca8b3p-3,  0x1.3b13a9e2b43bfp-3, 0x1.11154c806b5f5p-3,
                                                0x1.e01a5a745800bp-4, 0x1.da9c4257e6ca3p-4};

// (sin r − r) / r³ in r², on |r| ≤ π/4: 2⁻⁵⁶ and 2⁻³⁵.
template <typename T>
inline constexpr auto sin_tail = std::array{-0x1.5555555555555p-3, 0x1.1111111110c83p-7,   -0x1.a01a019ea134dp-13,
                                            0x1.71de37b1d3398p-19, -0x1.ae60210e407d7p-26, 0x1.5e1193881f8afp-33};
template <>
inline constexpr auto sin_tail<float> =
    std::array{-0x1.555555545e556p-3, 0x1.11110def977cep-7, -0x1.a013a7e469c71p-13, 0x1.6dbe150e44aaap-19};

// (cos r − 1 + r²/2) / r⁴ in r², on |r| ≤ π/4: 2⁻⁵⁹ and 2⁻⁴⁰.
template <typename T>
inline constexpr auto cos_tail = std::array{0x1.5555555555555p-5,   -0x1.6c16c16c168ccp-10, 0x1.a01a019f38b18p-16,
                                            -0x1.27e4fa0371482p-22, 0x1.1eeb585601c3cp-29,  -0x1.9073d8c039354p-37};
template <>
inline constexpr auto cos_tail<float> =
    std::array{0x1.5555555502e23p-5, -0x1.6c16bf5517a39p-10, 0x1.a015c49bd5ba7p-16, -0x1.2524505502951p-22};

// (arctan s − s) / s³ in s², on |s| ≤ tan(π/8): 2⁻⁵⁷ and 2⁻³³.
template <typename T>
inline constexpr auto arctan_tail =
    std::array{-0x1.5555555555555p-2, 0x1.9999999999452p-3, -0x1.249249243faa8p-3, 0x1.c71c718a1a80ep-4,
               -0x1.745d0bd21e6eap-4, 0x1.3b12709f90fd6p-4, -0x1.10fb24631823bp-4, 0x1.dff0fee7a7de5p-5,
               -0x1.a0cd519eca1e7p-5, 0x1.41eda3f8489f5p-5, -0x1.3b6fea68a0facp-6};
template <>
inline constexpr auto arctan_tail<float> =
    std::array{-0x1.5555554ca87bep-2, 0x1.99997c77c21dep-3,  -0x1.248a57b50878fp-3,
               0x1.c583deb34f641p-4,  -0x1.617ab20713bfbp-4, 0x1.9e8834dd74927p-5};

// (arcsin s − s) / s³ in s², on |s| ≤ ½: 2⁻⁵⁷ and 2⁻³⁴.
template <typename T>
inline constexpr auto arcsin_tail = std::array{
    0x1.5555555555556p-3, 0x1.3333333332d9ep-4,  0x1.6db6db6e48dffp-5, 0x1.f1c71c1187eddp-6, 0x1.6e8bb383c0ebbp-6,
    0x1.1c4d0fc1b6fbbp-6, 0x1.c9d336dfa2933p-7,  0x1.77ff42ac1dfb4p-7, 0x1.53365248bd332p-7, 0x1.5dc12cf8ad297p-8,
    0x1.224dcb11ab156p-6, -0x1.f6744b4ca8339p-7, 0x1.dc690516bc887p-6};
template <>
inline constexpr auto arcsin_tail<float> =
    std::array{0x1.5555555cea5dap-3, 0x1.33331cbce8937p-4, 0x1.6dc1b3763cb3fp-5, 0x1.efd3afcbd530ep-6,
               0x1.83a76e79130acp-6, 0x1.54c9f551c017ap-7, 0x1.ff51dab4c502bp-6};

// erf(x) / x − 1 in x², on |x| ≤ ½: 2⁻⁵⁵ and 2⁻³⁶.
template <typename T>
inline constexpr auto erf_tail = std::array{0x1.06eba8214db68p-3,  -0x1.812746b03798fp-2,  0x1.ce2f21a03b78ap-4,
                                            -0x1.b82ce30e5fb45p-6, 0x1.565bcbcea2939p-8,   -0x1.c02d457816543p-11,
                                            0x1.f98c5c7f5c9d7p-14, -0x1.f20c6849e6eefp-17, 0x1.8a9337c798fb9p-20};
template <>
inline constexpr auto erf_tail<float> =
    std::array{0x1.06eba820dbf29p-3,  -0x1.8127466feaf64p-2, 0x1.ce2ef27edc78cp-4,
               -0x1.b8203bc71fc41p-6, 0x1.54d141d42dc8bp-8,  -0x1.937400258cb25p-11};

// (1 + 2x) exp(x²) erfc(x) in (x − K) / (x + K): K = 4 on 0 ≤ x ≤ 27.3, 2⁻⁵⁴, and K = 3 on 0 ≤ x ≤ 10.2, 2⁻³⁰. The form
// is that of Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞" (1981).
template <typename T>
inline constexpr double erfc_centre = 4;
template <>
inline constexpr double erfc_centre<float> = 3;
template <typename T>
inline constexpr auto erfc_scaled =
    std::array{0x1.3ba5916e9fd7fp0,    -0x1.1df1ad154a29bp-3,  0x1.f7f5df66fcb9fp-7,   0x1.16ecefcfa5f1ep-4,
               -0x1.9ddb23c3e5aafp-4,  0x1.7fee004df97c8p-4,   -0x1.0fb06dfe85dbep-4,  0x1.3079edf99837bp-5,
               -0x1.0962387aa971ep-6,  0x1.49c671adf0afbp-8,   -0x1.8d4aa376414e5p-11, -0x1.a1de972e3ef3bp-13,
               0x1.3be0fc67ec0f6p-13,  -0x1.9967ca87e9035p-16, -0x1.78acf09007c1fp-17, 0x1.7f9d38ecdde34p-18,
               0x1.44b768fff3ccdp-22,  -0x1.bf339daaa2299p-21, 0x1.0bb31580bdc2ep-24,  0x1.e84846011603ep-24,
               -0x1.1222cdc86e22dp-27, -0x1.c34549e823b49p-27, -0x1.bb2b51638f039p-30};
template <>
inline constexpr auto erfc_scaled<float> =
    std::array{0x1.40c522da9fc5cp0,   -0x1.15c0859858723p-3,  -0x1.85a18a7d30e3bp-5,  0x1.09838818cd066p-3,
               -0x1.e8896d0ffd74dp-4, 0x1.17c8096baac56p-4,   -0x1.85bb6eb9ddc09p-6,  0x1.4b9220fabcd8ap-9,
               0x1.ff043c2ac5f24p-10, -0x1.84e87b2eaaa78p-11, -0x1.7db9b2eceef22p-13, 0x1.2c2bcbdf59442p-15};

// For arithmetic in f32, math_narrow-inl.h.
namespace narrow {

// (eʳ − 1 − r) / r² on |r| ≤ ½ ln 2: so that eʳ is met to 2⁻³¹ and 2⁻²⁶; and ((e²ʳ − 1) / 2 − r) / r² on half of that.
inline constexpr std::array exp_tail = {0x1p-1F,        0x1.555556p-3F,  0x1.555502p-5F,
                                        0x1.110ff4p-7F, 0x1.6d2e2ap-10F, 0x1.a262a4p-13F};
inline constexpr std::array exp_short_tail = {0x1p-1F, 0x1.5554dep-3F, 0x1.55556cp-5F, 0x1.120accp-7F, 0x1.6ca9a4p-10F};
inline constexpr auto exp_double_tail = [] {
  auto tail = exp_short_tail;
  float power = 1;
  for (float& coefficient : tail) coefficient *= power *= 2;
  return tail;
}();

// (ln(1 + f) − f + f²/2) / f³ on −¼ ≤ f ≤ ½: 2⁻²⁷.
inline constexpr std::array log_tail = {0x1.555554p-2F,  -0x1.000022p-2F, 0x1.999bd4p-3F,
                                        -0x1.553b0ap-3F, 0x1.2408a4p-3F,  -0x1.0239b8p-3F,
                                        0x1.e0d3dep-4F,  -0x1.947d52p-4F, 0x1.77bc66p-5F};

// (sin r − r) / r³ and (cos r − 1 + r²/2) / r⁴ in r², on |r| ≤ π/4: 2⁻³¹ and 2⁻³⁰.
inline constexpr std::array sin_tail = {-0x1.555556p-3F, 0x1.11119ap-7F, -0x1.a08582p-13F, 0x1.88262p-19F};
inline constexpr std::array cos_tail = {0x1.555554p-5F, -0x1.6c129ep-10F, 0x1.9bc76ep-16F};

// erf(x) / x − 1 in x², on |x| ≤ 0.92: 2⁻³⁰; and ln erfc on 0.91 ≤ x ≤ 3.95: so that erf is met to 2⁻²⁹.
inline constexpr std::array erf_tail = {0x1.06eba8p-3F, -0x1.812742p-2F,  0x1.ce2df2p-4F, -0x1.b80db8p-6F,
                                        0x1.54c62ap-8F, -0x1.aa55c6p-11F, 0x1.5d7cacp-14F};
inline constexpr std::array log_erfc = {-0x1.935fb4p-13F, -0x1.20b028p0F,  -0x1.463a5ap-1F, -0x1.a9c2e4p-4F,
                                        0x1.6c42eap-6F,   -0x1.8f0b26p-9F, 0x1.9b21f4p-13F};

// (1 + 2x) exp(x²) erfc(x) in (x − 2) / (x + 2), on 0.39 ≤ x ≤ 10.1: 2⁻²⁶.
inline constexpr std::array erfc_scaled = {0x1.46e80ep0F,    -0x1.7bf5e2p-4F, -0x1.5407ecp-3F, 0x1.4ff95ep-3F,
                                           -0x1.bc15b4p-5F,  -0x1.06bd8cp-7F, 0x1.1b4b7ap-7F,  0x1.39bf6cp-10F,
                                           -0x1.4579a4p-10F, -0x1.315fbp-12F};

// e^(b²/2) Φ(−b) in b − m, for each of eight intervals, in the order of the last bits that 1 + b has in front of all
// but one of its digits: 1 ≤ b < 2, 2 … 3, 3 … 5, 5 … 7, 7 … 11, 11 … 14.25, 0 … ½, ½ … 1. To 2⁻²⁷·⁷; m is near the
// middle, where the value itself is an f32 to 2⁻³⁰.
struct Eight {
  constexpr Eight(float a, float b, float c, float d, float e, float f, float g, float h)
      : lanes{a, b, c, d, e, f, g, h, a, b, c, d, e, f, g, h} {}

  alignas(64) float lanes[16];  // twice
};
inline constexpr Eight cdf_middles{0x1.81ep0F, 0x1.3ee8p1F, 0x1.026cp2F, 0x1.7decp2F,
                                   0x1.23bp3F, 0x1.95c8p3F, 0x1.008p-2F, 0x1.87ap-1F};
inline constexpr std::array scaled_cdf = {Eight{0x1.a416aep-3F, 0x1.223f32p-3F, 0x1.7f6e6cp-4F, 0x1.0ab55ap-4F,
                                                0x1.625e14p-5F, 0x1.0026fp-5F, 0x1.a7d23ap-2F, 0x1.30cea8p-2F},
                                          Eight{-0x1.6fa5eep-4F, -0x1.77964ep-5F, -0x1.57547cp-6F, -0x1.53d1a4p-7F,
                                                -0x1.2ff072p-8F, -0x1.3f4d9p-9F, -0x1.2e5acap-2F, -0x1.5ebe82p-3F},
                                          Eight{0x1.1e032p-5F, 0x1.c27532p-7F, 0x1.26d36ep-8F, 0x1.a726eap-10F,
                                                0x1.01d92cp-11F, 0x1.8bad4ap-13F, 0x1.5c15c4p-3F, 0x1.55553ap-4F},
                                          Eight{-0x1.95940ap-7F, -0x1.fabe4p-9F, -0x1.e7a22cp-11F, -0x1.01d6a8p-12F,
                                                -0x1.b0e456p-15F, -0x1.e77c86p-17F, -0x1.5903ccp-4F, -0x1.259bacp-5F},
                                          Eight{0x1.0a5b32p-8F, 0x1.0dabe4p-10F, 0x1.85adep-13F, 0x1.33dfd6p-15F,
                                                0x1.67b16p-18F, 0x1.2a9266p-20F, 0x1.30d90ap-5F, 0x1.ca0ea6p-7F},
                                          Eight{-0x1.47993ep-10F, -0x1.10f03cp-12F, -0x1.2d2ff4p-15F, -0x1.689d5cp-18F,
                                                -0x1.26e9bap-21F, -0x1.6ae608p-24F, -0x1.ea4b3ep-7F, -0x1.488b7ep-8F},
                                          Eight{0x1.7ccadap-12F, 0x1.07c85p-14F, 0x1.c3c71cp-18F, 0x1.a024d4p-21F,
                                                0x1.dd54e6p-25F, 0x1.b9d7c6p-28F, 0x1.71c628p-8F, 0x1.c39b34p-10F},
                                          Eight{-0x1.b36d8cp-14F, -0x1.07c73ep-16F, -0x1.637198p-20F, -0x1.e116bep-24F,
                                                -0x1.a976fap-28F, -0x1.23869ap-31F, -0x1.15acb4p-9F, -0x1.65ed3cp-11F},
                                          Eight{0x1.cc6ba8p-16F, 0x1.0f814ap-18F, 0x1.09f9d8p-22F, 0x1.e11926p-27F,
                                                0x1.725136p-31F, 0x1.1bcc88p-35F, 0x1.9dac58p-13F, -0x1.75c1e4p-13F}};

}  // namespace narrow

}  // namespace wengert::kernels::math
