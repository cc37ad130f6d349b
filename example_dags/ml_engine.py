"""### Train a model and predict with it on AI Platform (once ML Engine).

`upload` packs `training/train.py` and puts it, and a few rows to judge, into a bucket; `run` trains and
`predict` judges the rows, both waiting in the triggerer; `report` reads what came of it. AI Platform is a
legacy service: `ml_engine_to_vertex_ai` does the training on its successor.

To use it on your own project, change the bucket and the region below, and give the connection
`google_cloud_default` a project and credentials. The training is made to run there as it is. The prediction
is not: the emulator takes the `model.json` that this trainer writes, and AI Platform serves models of
TensorFlow, scikit-learn and XGBoost.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.mlengine import RunMLEngineJobOperator

BUCKET = "mljobs-example"
REGION = "europe-west1"
FOLDER = "ml-engine/{{ run_id }}"
ROWS = [[-2.0, -1.0, 0.0], [-0.5, -1.5, 0.5], [1.0, 1.0, 0.5], [2.0, 0.0, 1.0]]

with DAG(
    "ml_engine",
    schedule=None,
    catchup=False,
    tags=["example", "ai-platform"],
    doc_md=__doc__,
    params={"epochs": 50},
):

    @task
    def upload(folder: str) -> None:
        """Put the program and the rows to judge into the bucket."""
        from training.package import source_distribution, upload

        rows = "".join(f"{json.dumps(row)}\n" for row in ROWS)
        files = {"trainer-1.0.tar.gz": source_distribution(), "rows.json": rows.encode()}
        upload(bucket=BUCKET, files={f"{folder}/{name}": content for name, content in files.items()})

    run = RunMLEngineJobOperator(
        task_id="run",
        job={
            "labels": {"purpose": "example"},
            "trainingInput": {
                "region": REGION,
                "scaleTier": "BASIC",
                "runtimeVersion": "2.11",
                "pythonVersion": "3.7",
                "packageUris": [f"gs://{BUCKET}/{FOLDER}/trainer-1.0.tar.gz"],
                "pythonModule": "train",
                "args": ["--epochs", "{{ params.epochs }}"],
                "jobDir": f"gs://{BUCKET}/{FOLDER}",
                "scheduling": {"maxRunningTime": "3600s"},
            },
        },
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=5),
    )

    predict = RunMLEngineJobOperator(
        task_id="predict",
        job={
            "labels": {"purpose": "example"},
            "predictionInput": {
                "region": REGION,
                "dataFormat": "JSON",
                "uri": f"gs://{BUCKET}/{FOLDER}/model",
                "inputPaths": [f"gs://{BUCKET}/{FOLDER}/rows.json"],
                "outputPath": f"gs://{BUCKET}/{FOLDER}/predictions",
            },
        },
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def report(job: dict[str, Any], folder: str) -> dict[str, Any]:
        """Read the metrics of the model and what it said of the rows."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        hook = GCSHook()
        metrics = json.loads(hook.download(BUCKET, f"{folder}/model/metrics.json"))
        results = hook.download(BUCKET, f"{folder}/predictions/prediction.results-00000-of-00001")
        labels = [json.loads(line)["label"] for line in results.splitlines()]
        return {**metrics, "predictions": labels, "state": job["state"]}

    upload(FOLDER) >> run >> predict >> report(run.output, FOLDER)
