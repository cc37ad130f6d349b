"""Train a small classifier as a training job does: arguments in, progress out, a model at the end.

The data are two overlapping clouds of points, drawn anew from the seed; the model is a logistic regression,
fitted by gradient descent on four fifths of them and judged on the rest. Only the standard library is needed.
The model goes to the folder that the service names: Vertex AI in AIP_MODEL_DIR, AI Platform by --job-dir.
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


def model_folder(job_dir: str | None) -> str:
    """Return the folder for the model."""
    if job_dir:
        return f"{job_dir.rstrip('/')}/model"
    place = os.environ.get("AIP_MODEL_DIR")
    if not place:
        raise SystemExit("AIP_MODEL_DIR is not set: give the job a base_output_directory, or a --job-dir.")
    # Vertex AI mounts all buckets below /gcs.
    return place.replace("gs://", "/gcs/", 1).rstrip("/")


def write(folder: str, name: str, text: str) -> None:
    """Write a file, also to a bucket that is mounted nowhere."""
    if folder.startswith("gs://"):
        from google.cloud import storage  # every runtime version of AI Platform has it

        storage.Blob.from_string(f"{folder}/{name}", client=storage.Client()).upload_from_string(text)
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / name).write_text(text, encoding="utf-8")


def main() -> None:
    """Train, evaluate, and write `model.json` and `metrics.json`."""
    parser = argparse.ArgumentParser(description="Train a logistic regression on generated data.")
    parser.add_argument("--epochs", type=positive_int, default=50)
    parser.add_argument("--learning-rate", type=positive_float, default=0.5)
    parser.add_argument("--rows", type=positive_int, default=1000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--job-dir", help="folder of the outputs; default that of AIP_MODEL_DIR")
    options = parser.parse_args()
    if options.rows < 10:
        parser.error("--rows: at least 10 are needed to train on and to test with")
    folder = model_folder(options.job_dir)

    data = draw(rows=options.rows, seed=options.seed)
    border = len(data) * 4 // 5
    weights = train(data[:border], epochs=options.epochs, learning_rate=options.learning_rate)
    result = evaluate(weights, data[border:])
    metrics = {**result, "rows": len(data), "train_rows": border, "test_rows": len(data) - border}

    model = {"weights": weights[:-1], "bias": weights[-1], "options": vars(options)}
    for name, content in (("model.json", model), ("metrics.json", metrics)):
        write(folder, name, json.dumps(content, indent=2) + "\n")
    print(f"test accuracy {metrics['accuracy']:.4f} loss {metrics['loss']:.4f}; model in {folder}")


if __name__ == "__main__":
    main()
