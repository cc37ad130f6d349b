"""Predicts with a logistic regression; a program of its own that needs the standard library only.

Each line of an input is a list of numbers, or an object with such a list as ``features``. The output has one
line for each, in their order, and the lines that could not be read in a file of their own; both files are
named as the service names them.
"""

from __future__ import annotations

import argparse
import glob
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

RESULTS = "prediction.results-00000-of-00001"
ERRORS = "prediction.errors_stats-00000-of-00001"


def probability(model: dict[str, Any], features: Sequence[float]) -> float:
    """Return the probability of class 1."""
    weights = model["weights"]
    if len(features) != len(weights):
        msg = f"{len(weights)} features are expected, got {len(features)}"
        raise ValueError(msg)
    score = model["bias"] + math.fsum(weight * value for weight, value in zip(weights, features, strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, score))))


def lines_of(patterns: Sequence[str]) -> Iterator[str]:
    """Read all files that the patterns name."""
    for pattern in patterns:
        paths = sorted(glob.glob(pattern))
        if not paths:
            sys.exit(f"There is no file {pattern}")
        for path in paths:
            with open(path, encoding="utf-8") as lines:
                yield from (line for line in lines if line.strip())


def main() -> None:
    """Read the model, then the inputs, and write what comes of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("inputs", nargs="+")
    options = parser.parse_args()
    path = options.model / "model.json"
    if not path.is_file():
        sys.exit(f"There is no model {path}")
    model = json.loads(path.read_text(encoding="utf-8"))
    done, refused = 0, 0
    with (options.output / RESULTS).open("w") as results, (options.output / ERRORS).open("w") as errors:
        for line in lines_of(options.inputs):
            try:
                instance = json.loads(line)
                features = instance["features"] if isinstance(instance, dict) else instance
                chance = probability(model, features)
            except (KeyError, TypeError, ValueError) as error:
                refused += 1
                errors.write(json.dumps({"instance": line.strip(), "error": repr(error)}) + "\n")
                continue
            done += 1
            results.write(json.dumps({"probability": chance, "label": int(chance >= 0.5)}) + "\n")
    print(f"{done} predictions, {refused} errors")  # noqa: T201 (the output of a job is its log)


if __name__ == "__main__":
    main()
