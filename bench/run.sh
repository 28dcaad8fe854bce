#!/usr/bin/env bash
# bench/run.sh: the measurements behind docs/performance.md; `./dev bench` builds what it needs and calls it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/bench
results=$build/results
environments=$root/build/peers

usage() {
  cat <<'END_OF_USAGE'
./dev bench [--peers [--rounds N] [--markdown]] [flags of Google Benchmark]

  (none)       run every benchmark: the machine's limits, kernels, tape, each operation, steps and epochs of the main job;
               then what a user waits for: the whole main job, its memory, the compilation of a small program
  --peers      the main job beside PyTorch, JAX and Keras, other works beside PyTorch and JAX, and products of matrices
               beside other libraries', taking turns. Makes environments in build/peers the first time (several GB).
               Losses, values and gradients are compared
  --rounds N   with --peers: so many rounds of each work (7)
  --markdown   with --peers: run every benchmark too, and write docs/performance.md of all that was measured
  --help       this

  --benchmark_filter=REGEX runs those benchmarks alone, --benchmark_min_time=SECONDS measures each for longer.
END_OF_USAGE
}

peers=no markdown=no rounds=7 flags=()
while (($#)); do
  argument=$1
  shift
  case $argument in
    --peers) peers=yes ;;
    --markdown) markdown=yes ;;
    --rounds) rounds=${1:?--rounds wants a number} && shift ;;
    --help | -h) usage && exit ;;
    --benchmark_*) flags+=("$argument") ;;
    *) echo "./dev bench: unknown flag '$argument' (--help lists them)" >&2 && exit 2 ;;
  esac
done
commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
if [[ $markdown == yes ]]; then
  if [[ $peers == no || " ${flags[*]}" == *" --benchmark_filter"* ]]; then
    echo "./dev bench: --markdown writes the figures of one sitting: it wants --peers, and no --benchmark_filter" >&2
    exit 2
  fi
  rm -rf "$results"
fi
mkdir -p "$results"

# Every program of Google Benchmark, one for each source; with --markdown each benchmark three times, for its scatter.
run_benchmarks() {
  local program name source
  for source in "$root"/bench/*.cpp; do
    name=$(basename "$source" .cpp)
    program=$build/bench/bench_$name
    echo "== $name"
    if [[ $markdown == yes ]]; then
      "$program" --benchmark_out="$results/$name.json" --benchmark_out_format=json --benchmark_repetitions=3 \
        --benchmark_min_time=0.05 "${flags[@]}" >/dev/null
    else
      "$program" "${flags[@]}"
    fi
  done
}

# environment NAME: a virtual environment with what bench/peers/requirements-NAME.txt pins; prints its python.
environment() {
  local folder=$environments/$1 wanted=$root/bench/peers/requirements-$1.txt
  if ! cmp -s "$wanted" "$folder/installed.txt"; then
    echo "making build/peers/$1…" >&2
    python3 -m venv --clear "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
    cp "$wanted" "$folder/installed.txt"
  fi
  echo "$folder/bin/python"
}

run_peers() {
  local torch_jax keras
  torch_jax=$(environment torch-jax)
  keras=$(environment keras)
  "$torch_jax" "$root/bench/peers/compare.py" --ours "$build/bench/bench_main_job" \
    --comparison "$build/examples/activation_comparison" --keras "$keras" --rounds "$rounds" --json "$results/peers.json"
  "$torch_jax" "$root/bench/peers/contest.py" --ours "$build/bench/contest" --rounds "$rounds" --json "$results/contest.json"
  echo "== products"
  "$build/bench/products" >"$results/products.json"
}

if [[ $peers == yes ]]; then run_peers; fi
if [[ $peers == no || $markdown == yes ]]; then
  run_benchmarks
  python3 "$root/bench/whole.py" "$build" "${CXX:-g++}" "$results/whole.json"
fi
if [[ $markdown == yes ]]; then
  python3 "$root/bench/growth.py" "$results/contest.json" "$root/docs/images/growth.svg"
  python3 "$root/bench/report.py" "$results" "$commit" >"$results/performance.md"
  mv "$results/performance.md" "$root/docs/performance.md"
  echo "wrote docs/performance.md"
fi
