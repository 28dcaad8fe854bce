"""What a user waits for, and pays: seconds and memory of the whole main job, the compilation of a small program, size.

    python3 whole.py BUILD_DIR COMPILER RESULTS.json
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).parent


def run(command):
    """Seconds until the process has ended, and its peak memory in MB."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"whole.py: {' '.join(map(str, command))} ended with {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main_job(build, *flags, rounds=3):
    """Median seconds and largest memory."""
    with tempfile.TemporaryDirectory() as folder:
        command = [build / "examples" / "activation_comparison", "--out", folder, *flags]
        seconds, memory = zip(*(run(command) for _ in range(rounds)))
    return {"seconds": sorted(seconds), "median": statistics.median(seconds), "memory_mb": max(memory)}


def installed_bytes(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


def main():
    build, compiler, target = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    jobs = str(os.cpu_count())
    results = {
        "whole": main_job(build, "--jobs", jobs),
        "one_model": main_job(build, "--activations", "relu"),
        "start": main_job(build, "--activations", "relu", "--max-steps", "1", "--epochs", "1"),
    }
    with tempfile.TemporaryDirectory() as folder:
        prefix = pathlib.Path(folder)
        subprocess.run(["cmake", "--install", build, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
        compiled = subprocess.run(["bash", HERE / "compile_time.sh", prefix / "include", compiler], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
        results["compile"] = dict(zip(["ours", "standard", "ratio"], map(float, compiled.split())))
        results["installed_mb"] = installed_bytes(prefix) / 1e6
        library = max(prefix.rglob("libwengert*"), key=lambda file: file.stat().st_size)
        results["library_mb"] = library.stat().st_size / 1e6
    target.write_text(json.dumps(results, indent=1))
    print(f"""== whole
main job, 4 activations × 5 epochs, --jobs {jobs}   {results["whole"]["median"]:.2f} s, {results["whole"]["memory_mb"]:.0f} MB
main job, relu alone, 5 epochs            {results["one_model"]["median"]:.2f} s, {results["one_model"]["memory_mb"]:.0f} MB
start to the end of one step, evaluated   {results["start"]["median"]:.2f} s
ten-line program compiles in              {results["compile"]["ours"]:.2f} s, {results["compile"]["ratio"]:.2f} of one of <vector>, <string>, <iostream>
library {results["library_mb"]:.1f} MB, everything installed {results["installed_mb"]:.1f} MB""")


if __name__ == "__main__":
    main()
