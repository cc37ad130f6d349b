"""A task's job in the words of OpenLineage; to be imported only where its provider is installed.

The names of datasets are those of https://openlineage.io/docs/spec/naming.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.openlineage.facet import Dataset, ExternalQueryRunFacet, RunFacet
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from attrs import define

from airflow_mljobs import __version__

if TYPE_CHECKING:
    from airflow_mljobs.jobs import Job
    from airflow_mljobs.operators.lineage import LineageJobOperator

PRODUCER = f"pkg:pypi/airflow-provider-mljobs@{__version__}"
"""Who says so: this package, as https://github.com/package-url/purl-spec names it."""

FACET = "mljobs_job"


@define
class MLJobsJobRunFacet(RunFacet):
    """The job that a task ran.

    No schema of it is published: its ``_schemaURL`` is that of any run's facet, which it keeps.
    """

    service: str
    name: str
    state: str
    status: str
    url: str | None
    created: str | None
    started: str | None
    ended: str | None


def operator_lineage(operator: LineageJobOperator, job: Job | None) -> OperatorLineage[Any, Any]:
    """Return what is known of a task and its job.

    Parameters of a job are left out: any of them may be a secret.

    :param operator: the task, its templates rendered.
    :param job: as it was last seen; nothing before there is one.
    """
    return OperatorLineage(
        # OpenLineage's provider reads inlets and outlets itself only where an operator names no dataset.
        inputs=_datasets(operator.inputs(job), declared=operator.inlets),
        outputs=_datasets(operator.outputs(job), declared=operator.outlets),
        run_facets=_run_facets(operator.service, job) if job else {},
    )


def _run_facets(service: str, job: Job) -> dict[str, RunFacet]:
    values = job.to_dict()
    fields = ("name", "state", "status", "url", "created", "started", "ended")
    return {
        FACET: MLJobsJobRunFacet(
            service=service, **{field: values[field] for field in fields}, producer=PRODUCER
        ),
        "externalQuery": ExternalQueryRunFacet(externalQueryId=job.name, source=service, producer=PRODUCER),
    }


def _datasets(addresses: Iterable[str], *, declared: Iterable[Any]) -> list[Dataset]:
    # An asset without an address is no dataset; to find that out loads the handlers of every provider.
    known = [each for each in declared if "://" in getattr(each, "uri", "://")]
    found = [*map(_dataset, addresses), *map(ExtractorManager.convert_to_ol_dataset, known)]
    return list({(dataset.namespace, dataset.name): dataset for dataset in found if dataset}.values())


def _dataset(address: str) -> Dataset:
    scheme, _, rest = address.partition("//")
    place, _, path = rest.partition("/")
    if "*" in path:  # many objects; what they have in common is their folder
        path = path.partition("*")[0].rpartition("/")[0]
    namespace = f"{scheme}//{place}" if scheme else place
    return Dataset(namespace=namespace, name=path.strip("/") or "/")
