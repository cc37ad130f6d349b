"""### Look at a model as soon as it is trained.

The training of `vertex_ai_custom_job` has the asset `classifier` among its outlets. Each time it succeeds,
this DAG runs; the asset's event tells which job it was, and where that job has written the model. To use it
on your own project, change what it reads of the model's folder; the folder comes with the event.
"""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import DAG, Asset, task

CLASSIFIER = Asset("classifier")

with DAG(
    "check_new_model",
    schedule=[CLASSIFIER],
    catchup=False,
    tags=["example", "asset"],
    doc_md=__doc__,
):

    @task
    def report(*, triggering_asset_events: dict[Asset, Any]) -> dict[str, Any]:
        """Read the metrics of the newest model."""
        from airflow.providers.google.cloud.hooks.gcs import GCSHook

        event = triggering_asset_events[CLASSIFIER][-1]
        (folder,) = event.extra["outputs"]
        bucket, _, path = folder.removeprefix("gs://").partition("/")
        metrics = json.loads(GCSHook().download(bucket, f"{path}/model/metrics.json"))
        job = event.extra["job"]
        return {**metrics, "model": f"{folder}/model/model.json", "job": job["name"], "state": job["state"]}

    report()
