"""Fashion-MNIST as Debian's package dataset-fashion-mnist ships it: gzipped IDX files, found where wengert finds them."""

import gzip
import os
import sys

import numpy as np


def folder():
    named = os.environ.get("WENGERT_DATA")
    if named:
        own = os.path.join(named, "fashion-mnist")
        return own if os.path.isdir(own) else named
    home = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    bases = [home, *(os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")]
    candidates = [os.path.join(base, "datasets", "fashion-mnist") for base in bases if base]
    for candidate in candidates:
        if os.path.isdir(candidate):
            return candidate
    sys.exit(f"Fashion-MNIST not found in {', '.join(candidates)}: apt-get install dataset-fashion-mnist")


def elements(name, header):
    with gzip.open(os.path.join(folder(), name), "rb") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(part="train"):
    """Images as bytes [n, 28, 28] and labels as bytes [n]; `part` is train or t10k."""
    images = elements(f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    return images, elements(f"{part}-labels-idx1-ubyte.gz", 8)
