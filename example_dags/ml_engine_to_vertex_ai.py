"""### The training of `ml_engine`, moved to Vertex AI.

The program and its package stay as they are; what describes the job moves like this:

| AI Platform `trainingInput` | Vertex AI `CustomJob` |
|---|---|
| `jobId` | `display_name`; the id is the service's |
| `region` | the operator's `region`, a part of the job's name |
| `scaleTier`, `masterType` | `machine_spec` and `replica_count` of the first of `worker_pool_specs` |
| `workerType` and `workerCount`; parameter servers; evaluators | the second, third and fourth pool |
| `runtimeVersion` and `pythonVersion` | `executor_image_uri`, a prebuilt container |
| `packageUris`, `pythonModule`, `args` | `package_uris`, `python_module`, `args` of `python_package_spec` |
| `masterConfig.imageUri` | `container_spec.image_uri` |
| `jobDir`, an argument of the program | `base_output_directory`, its environment's `AIP_MODEL_DIR` |
| `scheduling.maxRunningTime` | `scheduling.timeout` |
| `serviceAccount`, `network`, `encryptionConfig` | `service_account`, `network`, `encryption_spec` |
| `hyperparameters` | a `HyperparameterTuningJob`, which this provider does not run |
| `predictionInput` | a `BatchPredictionJob`, which this provider does not run |

The states gain the prefix `JOB_STATE_`, and `PREPARING` becomes `JOB_STATE_PENDING`. See
https://cloud.google.com/vertex-ai/docs/start/migrating-to-vertex-ai.

To use it on your own project, change the bucket and the region below, and give the connection
`google_cloud_default` a project and credentials.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.vertex_ai.custom_job import RunCustomJobOperator

BUCKET = "mljobs-example"
REGION = "europe-west1"
IMAGE = "europe-docker.pkg.dev/vertex-ai/training/tf-cpu.2-14.py310:latest"
FOLDER = "ml-engine-to-vertex-ai/{{ run_id }}"

with DAG(
    "ml_engine_to_vertex_ai",
    schedule=None,
    catchup=False,
    tags=["example", "vertex-ai"],
    doc_md=__doc__,
    params={"epochs": 50},
):

    @task
    def upload(folder: str) -> None:
        """Put the program into the bucket."""
        from training.package import source_distribution, upload

        upload(bucket=BUCKET, files={f"{folder}/trainer-1.0.tar.gz": source_distribution()})

    run = RunCustomJobOperator(
        task_id="run",
        region=REGION,
        custom_job={
            "display_name": "Train a classifier",
            "labels": {"purpose": "example"},
            "job_spec": {
                "worker_pool_specs": [
                    {
                        "machine_spec": {"machine_type": "n1-standard-4"},
                        "replica_count": 1,
                        "python_package_spec": {
                            "executor_image_uri": IMAGE,
                            "package_uris": [f"gs://{BUCKET}/{FOLDER}/trainer-1.0.tar.gz"],
                            "python_module": "train",
                            "args": ["--epochs", "{{ params.epochs }}"],
                        },
                    }
                ],
                "base_output_directory": {"output_uri_prefix": f"gs://{BUCKET}/{FOLDER}"},
                "scheduling": {"timeout": "3600s"},
            },
        },
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def report(job: dict[str, Any], folder: str) -> dict[str, Any]:
        """Read the metrics that the program wrote beside its model."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        metrics = json.loads(GCSHook().download(BUCKET, f"{folder}/model/metrics.json"))
        return {**metrics, "state": job["state"]}

    upload(FOLDER) >> run >> report(run.output, FOLDER)
