#!/usr/bin/env bash
# compile_time.sh INCLUDE_DIR COMPILER: how long a ten-line program takes to compile against the installed headers, and one
# of <vector>, <string> and <iostream>: seconds of the processor of the turn whose ratio is the median, and that ratio. Both
# are compiled in each turn, one right after the other, as the processor's speed changes.
set -euo pipefail
include=$1 compiler=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/ours.cpp" <<'CPP'
#include <iostream>
#include <wengert/wengert.h>
namespace wg = wengert;
int main() {
  wg::Tape tape;
  const wg::Tensor x = tape.watch(wg::Tensor({1.0, 2.0, 3.0}));
  const wg::Tensor y = wg::sum(wg::sigmoid(x) * x);
  std::cout << tape.gradient(y, x) << '\n';
  wg::nn::Sequential model{wg::nn::Flatten{}, wg::nn::Dense{784, 128, wg::nn::relu}, wg::nn::Dense{128, 10, wg::nn::softmax}};
}
CPP
cat >"$work/standard.cpp" <<'CPP'
#include <iostream>
#include <string>
#include <vector>
int main() {
  std::vector<double> x{1.0, 2.0, 3.0};
  double sum = 0;
  for (const double element : x) sum += element * element;
  const std::string text = std::to_string(sum);
  std::cout << text << '\n';
}
CPP

# compile NAME: milliseconds of the processor.
compile() {
  local TIMEFORMAT='%U %S' spent
  if ! spent=$({ time "$compiler" -std=c++20 -O2 -I "$include" -c "$work/$1.cpp" -o "$work/$1.o" 2>"$work/log"; } 2>&1); then
    cat "$work/log" >&2
    return 1
  fi
  awk '{ print int(1000 * ($1 + $2)) }' <<<"$spent"
}

turns=11
for ((turn = 0; turn < turns; ++turn)); do
  echo "$(compile ours) $(compile standard)"
done | awk '{ printf "%.2f %.2f %.2f\n", $1 / 1000, $2 / 1000, $1 / $2 }' | sort -k 3 -n | sed -n "$((turns / 2 + 1))p"
