#pragma once

/// To be included before anything of Highway by a source that is compiled once per instruction set: leaves out those
/// that gain nothing here, and those whose vectors have no fixed size, which cannot stand in arrays and may be wider
/// than a block (primitives.h).
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
