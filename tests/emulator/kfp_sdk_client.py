"""What a user of the KFP SDK does, for kfp's own interpreter: `kfp_sdk_client.py <host> <package>`."""

# The output is the result.
# ruff: noqa: T201

import json
import sys

import kfp


def main(host: str, package: str) -> None:
    """Run a package, then a version of an uploaded pipeline, and tell how both ended."""
    client = kfp.Client(host=host)
    first = client.create_run_from_pipeline_package(
        package,
        arguments={"rows": 200, "epochs": 5, "min_accuracy": 0.5},
        experiment_name="sdk",
        pipeline_root="gs://mine/pipelines/",
    )
    ended = client.wait_for_run_completion(first.run_id, timeout=60, sleep_duration=0.2)
    client.upload_pipeline(package, pipeline_name="churn")
    version = client.upload_pipeline_version(package, pipeline_version_name="second", pipeline_name="churn")
    experiment = client.get_experiment(experiment_name="sdk")
    second = client.run_pipeline(
        experiment.experiment_id,
        "second",
        pipeline_id=client.get_pipeline_id("churn"),
        version_id=version.pipeline_version_id,
        params={"epochs": 1, "min_accuracy": 0.9999},
    )
    failed = client.wait_for_run_completion(second.run_id, timeout=60, sleep_duration=0.2)
    print(json.dumps({run.run_id: run.state for run in (ended, failed)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
