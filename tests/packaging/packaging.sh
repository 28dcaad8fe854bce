#!/usr/bin/env bash
# packaging.sh STORY SOURCE_DIR BINARY_DIR COMPILER: one of the functions below, in a folder of its own.
set -euo pipefail
story=$1 source=$2 binary=$3 compiler=$4
here=$source/tests/packaging
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CXX=$compiler

# use_installed PREFIX: a program that knows nothing but find_package(wengert) is built with it, and is right.
use_installed() {
  cmake -G Ninja -S "$here/consumer" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$1"
  cmake --build "$work/consumer"
  "$work/consumer/consumer"
  rm -r "$work/consumer"
}

AnInstalledPackageIsFound() {
  cmake --install "$binary" --prefix "$work/installed"
  mv "$work/installed" "$work/moved"  # a package may be unpacked anywhere
  if grep -rE 'Eigen3|nlohmann' "$work/moved" --include='*.cmake'; then return 1; fi  # headers the library used up
  use_installed "$work/moved"
}

# Each header compiles by itself, and with the standard library alone: the two bridges to other libraries apart.
InstalledHeadersStandAlone() {
  cmake --install "$binary" --prefix "$work/installed" >/dev/null
  cd "$work/installed/include"
  local header
  find wengert -name '*.h' ! -path wengert/eigen.h ! -path wengert/fmt.h | while read -r header; do
    echo "#include <$header>" >"$work/$(tr / _ <<<"${header%.h}").cpp"
  done
  find "$work" -maxdepth 1 -name '*.cpp' -print0 |
    xargs -0 -P 2 -n 1 "$compiler" -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I .
  "$compiler" -std=c++20 -M -I . "$work"/*.cpp >"$work/included"
  grep -qF wengert/autograd/tensor.h "$work/included"
  if grep -E '/(Eigen|fmt|hwy|isa-l|nlohmann)/' "$work/included"; then return 1; fi
}

# parent/CMakeLists.txt compares its own state before and after; what it then installs, a shared library, is used too.
AddSubdirectoryLeavesTheParentAsItWas() {
  cmake -G Ninja -S "$here/parent" -B "$work/parent" -DWENGERT_SOURCE_DIR="$source"
  cmake --build "$work/parent"
  "$work/parent/consumer"
  cmake --install "$work/parent" --prefix "$work/installed"
  use_installed "$work/installed"
}

# The README's lines, with these sources in the place of the repository: all but the library itself is built.
FetchContentTakesTheLinesOfTheReadme() {
  {
    printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(fetching LANGUAGES CXX)' 'add_executable(my_program main.cpp)'
    sed -n '/^include(FetchContent)/,/^target_link/p' "$source/README.md"
  } >"$work/CMakeLists.txt"
  cp "$here/consumer/main.cpp" "$work"
  cmake -G Ninja -S "$work" -B "$work/build" -DFETCHCONTENT_SOURCE_DIR_WENGERT="$source"
  ninja -C "$work/build" CMakeFiles/my_program.dir/main.cpp.o
}

# Of the processor's seconds, the median of several turns, since other processes may be in the way of any of them.
ATenLineProgramCompilesInTheTimeOfStandardHeaders() {
  cmake --install "$binary" --prefix "$work/installed" >/dev/null
  local ours standard ratio
  read -r ours standard ratio <<<"$(bash "$source/bench/compile_time.sh" "$work/installed/include" "$compiler")"
  echo "ours $ours s, of <vector>, <string> and <iostream> $standard s: $ratio times, 2.5 at most"
  awk -v ratio="$ratio" 'BEGIN { exit !(ratio > 0 && ratio <= 2.5) }'
}

TheInstalledLibraryIsSmall() {
  cmake --install "$binary" --prefix "$work/installed" --strip >/dev/null
  local library bytes
  library=$(find "$work/installed" -type f -name 'libwengert.*')
  bytes=$(stat -c %s "$library")
  echo "$bytes bytes, 5000000 at most"
  ((bytes > 100000 && bytes <= 5000000))
}

"$story"
