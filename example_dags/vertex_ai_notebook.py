"""### Run a notebook on Colab Enterprise and use what it found.

`run` sends `notebooks/nearest_neighbours.ipynb` along and waits for it in the triggerer; `report` reads the
metrics from the last cell of the executed notebook, which the service wrote to the bucket. To use it on your
own project, change the bucket, the region and the service account below, and give the connection
`google_cloud_default` a project and credentials.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_mljobs.operators.vertex_ai.notebook_execution_job import RunNotebookExecutionJobOperator

BUCKET = "mljobs-example"
REGION = "europe-west4"
SERVICE_ACCOUNT = "notebooks@my-project.iam.gserviceaccount.com"
NOTEBOOK = Path(__file__).parent / "notebooks" / "nearest_neighbours.ipynb"

with DAG(
    "vertex_ai_notebook",
    schedule=None,
    catchup=False,
    tags=["example", "vertex-ai"],
    doc_md=__doc__,
):
    run = RunNotebookExecutionJobOperator(
        task_id="run",
        region=REGION,
        notebook_execution_job={
            "display_name": "Compare classifiers",
            "custom_environment_spec": {"machine_spec": {"machine_type": "e2-standard-4"}},
            "gcs_output_uri": f"gs://{BUCKET}/notebooks/{{{{ run_id }}}}",
            "service_account": SERVICE_ACCOUNT,
            "execution_timeout": "600s",
        },
        notebook=str(NOTEBOOK),
        deferrable=True,
        poll_interval=2,
        retries=1,
        retry_delay=timedelta(seconds=5),
    )

    @task
    def report(job: dict[str, Any], folder: str) -> dict[str, Any]:
        """Read the metrics that the last cell of the executed notebook printed."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        storage = GCSHook()
        job_id = job["name"].rpartition("/")[-1]
        (path,) = storage.list(BUCKET, prefix=f"{folder}/{job_id}/") or []
        last_cell = json.loads(storage.download(BUCKET, path))["cells"][-1]
        printed = "".join(last_cell["outputs"][0]["text"])
        return {**json.loads(printed), "notebook": f"gs://{BUCKET}/{path}", "state": job["state"]}

    report(run.output, "notebooks/{{ run_id }}")
