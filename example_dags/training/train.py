"""Train a small classifier as a custom job does: arguments in, progress out, a model at the end.

The data are two overlapping clouds of points, drawn anew from the seed; the model is a logistic regression,
fitted by gradient descent on four fifths of them and judged on the rest. Only the standard library is needed.
The model goes to the folder that the service names in AIP_MODEL_DIR.
"""

# The output of a job is its log.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import math
import os
import random
from collections.abc import Sequence
from pathlib import Path

Row = tuple[Sequence[float], int]

CENTRES = ((-1.0, -0.5, 0.0), (1.0, 0.5, 0.5))


def positive_int(text: str) -> int:
    """Return a whole number above zero."""
    number = int(text)
    if number <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def positive_float(text: str) -> float:
    """Return a finite number above zero."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above zero, or not finite")
    return number


def draw(*, rows: int, seed: int) -> list[Row]:
    """Draw as many points of each class, in mixed order."""
    generator = random.Random(seed)
    data: list[Row] = [
        ([generator.gauss(centre, 1.0) for centre in CENTRES[number % 2]], number % 2)
        for number in range(rows)
    ]
    generator.shuffle(data)
    return data


def predict(weights: Sequence[float], features: Sequence[float]) -> float:
    """Return the probability of class 1; the last weight is the bias."""
    score = weights[-1] + sum(weight * value for weight, value in zip(weights, features, strict=False))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, score))))


def evaluate(weights: Sequence[float], data: Sequence[Row]) -> dict[str, float]:
    """Return the accuracy and the mean log loss."""
    chances = [(predict(weights, features), label) for features, label in data]
    hits = sum((chance >= 0.5) == bool(label) for chance, label in chances)
    loss = -sum(math.log(max(chance if label else 1 - chance, 1e-12)) for chance, label in chances)
    return {"accuracy": hits / len(data), "loss": loss / len(data)}


def train(data: Sequence[Row], *, epochs: int, learning_rate: float) -> list[float]:
    """Fit the weights by full gradient descent, printing the progress."""
    weights = [0.0] * (len(CENTRES[0]) + 1)
    for epoch in range(1, epochs + 1):
        gradient = [0.0] * len(weights)
        for features, label in data:
            error = predict(weights, features) - label
            for position, value in enumerate((*features, 1.0)):
                gradient[position] += error * value / len(data)
        weights = [weight - learning_rate * slope for weight, slope in zip(weights, gradient, strict=True)]
        progress = evaluate(weights, data)
        print(f"epoch {epoch}/{epochs} loss {progress['loss']:.4f} accuracy {progress['accuracy']:.4f}")
    return weights


def model_folder() -> Path:
    """Return the folder for the model; a bucket is written through its mount below /gcs."""
    place = os.environ.get("AIP_MODEL_DIR")
    if not place:
        raise SystemExit("AIP_MODEL_DIR is not set: give the job a base_output_directory.")
    return Path(place.replace("gs://", "/gcs/", 1))


def main() -> None:
    """Train, evaluate, and write `model.json` and `metrics.json`."""
    parser = argparse.ArgumentParser(description="Train a logistic regression on generated data.")
    parser.add_argument("--epochs", type=positive_int, default=50)
    parser.add_argument("--learning-rate", type=positive_float, default=0.5)
    parser.add_argument("--rows", type=positive_int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if options.rows < 10:
        parser.error("--rows: at least 10 are needed to train on and to test with")
    folder = model_folder()

    data = draw(rows=options.rows, seed=options.seed)
    border = len(data) * 4 // 5
    weights = train(data[:border], epochs=options.epochs, learning_rate=options.learning_rate)
    result = evaluate(weights, data[border:])
    metrics = {**result, "rows": len(data), "train_rows": border, "test_rows": len(data) - border}

    folder.mkdir(parents=True, exist_ok=True)
    model = {"weights": weights[:-1], "bias": weights[-1], "options": vars(options)}
    for name, content in (("model.json", model), ("metrics.json", metrics)):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"test accuracy {metrics['accuracy']:.4f} loss {metrics['loss']:.4f}; model in {folder}")


if __name__ == "__main__":
    main()
