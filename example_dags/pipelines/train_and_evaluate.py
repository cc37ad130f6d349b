"""A pipeline of three steps: make data, train a small model on them, evaluate it.

The components need the standard library only. The compiled `train_and_evaluate.yaml` lies beside this file
and is what a DAG runs; compile it anew after a change, in an environment that has kfp 2.17.0 (one of its own:
kfp cannot be installed beside Airflow):

    python train_and_evaluate.py
"""

# The output of a component is its log.
# ruff: noqa: T201

from pathlib import Path

from kfp import compiler, dsl

IMAGE = "python:3.11-slim"


@dsl.component(base_image=IMAGE)
def make_data(rows: int, seed: int, dataset: dsl.Output[dsl.Dataset]) -> None:
    """Draw two overlapping clouds of points, one for each class."""
    import csv
    import random

    if rows < 10:
        raise ValueError(f"rows is {rows}; at least 10 are needed to train on and to test with")
    generator = random.Random(seed)
    with open(dataset.path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "y", "label"])
        for number in range(rows):
            label = number % 2
            centre = 1.0 if label else -1.0
            writer.writerow([generator.gauss(centre, 1.0), generator.gauss(centre / 2, 1.0), label])
    dataset.metadata["rows"] = rows
    print(f"{rows} rows written")


@dsl.component(base_image=IMAGE)
def train(
    dataset: dsl.Input[dsl.Dataset], epochs: int, learning_rate: float, model: dsl.Output[dsl.Model]
) -> None:
    """Fit a logistic regression to the first four fifths of the data."""
    import csv
    import json
    import math

    with open(dataset.path, newline="", encoding="utf-8") as file:
        rows = [(float(row["x"]), float(row["y"]), int(row["label"])) for row in csv.DictReader(file)]
    rows = rows[: len(rows) * 4 // 5]
    a = b = bias = 0.0
    for epoch in range(1, epochs + 1):
        slope_a = slope_b = slope_bias = loss = 0.0
        for x, y, label in rows:
            chance = 1 / (1 + math.exp(-max(-60.0, min(60.0, a * x + b * y + bias))))
            slope_a += (chance - label) * x / len(rows)
            slope_b += (chance - label) * y / len(rows)
            slope_bias += (chance - label) / len(rows)
            loss -= math.log(max(chance if label else 1 - chance, 1e-12)) / len(rows)
        a, b, bias = (
            a - learning_rate * slope_a,
            b - learning_rate * slope_b,
            bias - learning_rate * slope_bias,
        )
        print(f"epoch {epoch}/{epochs} loss {loss:.4f}")
    with open(model.path, "w", encoding="utf-8") as file:
        json.dump({"weights": [a, b], "bias": bias}, file)
    model.metadata["framework"] = "none"


@dsl.component(base_image=IMAGE)
def evaluate(
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    min_accuracy: float,
    metrics: dsl.Output[dsl.Metrics],
) -> float:
    """Measure the accuracy on the last fifth of the data; fail if it is too low."""
    import csv
    import json

    with open(dataset.path, newline="", encoding="utf-8") as file:
        rows = [(float(row["x"]), float(row["y"]), int(row["label"])) for row in csv.DictReader(file)]
    with open(model.path, encoding="utf-8") as file:
        fitted = json.load(file)
    test = rows[len(rows) * 4 // 5 :]
    (a, b), bias = fitted["weights"], fitted["bias"]
    accuracy = sum((a * x + b * y + bias > 0) == bool(label) for x, y, label in test) / len(test)
    metrics.log_metric("accuracy", accuracy)
    metrics.log_metric("test_rows", len(test))
    with open(metrics.path, "w", encoding="utf-8") as file:
        json.dump({"accuracy": accuracy, "test_rows": len(test)}, file)
    print(f"accuracy {accuracy:.4f} on {len(test)} rows")
    if accuracy < min_accuracy:
        raise ValueError(f"accuracy {accuracy:.4f} is below the required {min_accuracy}")
    return accuracy


@dsl.pipeline(name="train-and-evaluate", description="Make data, train a small model, evaluate it.")
def train_and_evaluate(
    rows: int = 1000,
    epochs: int = 30,
    learning_rate: float = 0.5,
    min_accuracy: float = 0.8,
    seed: int = 7,
) -> float:
    """Return the accuracy of a model trained on data made here."""
    data = make_data(rows=rows, seed=seed)
    fitted = train(dataset=data.outputs["dataset"], epochs=epochs, learning_rate=learning_rate)
    result = evaluate(
        dataset=data.outputs["dataset"], model=fitted.outputs["model"], min_accuracy=min_accuracy
    )
    return result.outputs["Output"]


if __name__ == "__main__":
    compiler.Compiler().compile(train_and_evaluate, str(Path(__file__).with_suffix(".yaml")))
