"""### Run every service's example in one DAG run.

Each task starts one of the other example DAGs, under this run's own id, and waits for it in the triggerer.
`make demo` runs this DAG. To use it on your own projects, first make the examples that it starts run there,
each as its own documentation says, and leave out of `EXAMPLES` the services that you do not have.
"""

from __future__ import annotations

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG

EXAMPLES = (
    "vertex_ai_pipeline",
    "vertex_ai_custom_job",
    "vertex_ai_notebook",
    "ml_engine",
    "kubeflow_pipelines",
)

with DAG("all_services", schedule=None, catchup=False, tags=["example"], doc_md=__doc__):
    for example in EXAMPLES:
        TriggerDagRunOperator(
            task_id=example,
            trigger_dag_id=example,
            trigger_run_id="{{ run_id }}",
            wait_for_completion=True,
            deferrable=True,
            poke_interval=2,
            allowed_states=["success"],
            failed_states=["failed"],
        )
