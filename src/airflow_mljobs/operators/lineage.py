"""What a job reads and writes, for the DAGs that are scheduled on it and for OpenLineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import Asset, AssetAlias
from airflow.sdk.definitions.asset import AssetRef

from airflow_mljobs.operators.submit import SubmitJobOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_mljobs.jobs import Job

STORES = frozenset({"gs", "s3", "minio"})
"""Schemes of what can be read or written; what has another address is not data, and may hold a token."""


class LineageJobOperator(SubmitJobOperator):
    """Tells where its job's inputs and outputs are, as far as the task's own fields say it.

    The event of every asset in ``outlets`` holds, in its ``extra``, what `lineage` returns; of an alias in
    ``outlets``, each output is made an asset.
    """

    input_fields: ClassVar[Sequence[str]] = ()
    """Where addresses of inputs are in the operator's fields, such as ``job.predictionInput.inputPaths``."""

    output_fields: ClassVar[Sequence[str]] = ()
    """The same for outputs."""

    @property
    def service(self) -> str:
        """The service, by the noun that stands in the names of its operators."""
        return self.hook_class.rpartition(":")[-1].removesuffix("Hook")

    def inputs(self, job: Job | None) -> list[str]:
        """Return the addresses of what the job reads.

        :param job: nothing before there is one.
        """
        return self._addresses(self.input_fields)

    def outputs(self, job: Job | None) -> list[str]:
        """Return the addresses of what the job writes.

        :param job: nothing before there is one.
        """
        return self._addresses(self.output_fields)

    def lineage(self, job: Job) -> dict[str, Any]:
        """Return the job, as in the task's result, and the addresses of its inputs and outputs."""
        return {"job": job.to_dict(), "inputs": self.inputs(job), "outputs": self.outputs(job)}

    def _addresses(self, fields: Sequence[str]) -> list[str]:
        found = (text for field in fields for text in values_at(self, field.split(".")))
        return list(dict.fromkeys(filter(None, map(as_address, found))))

    def _tell_assets(self, context: Context, job: Job) -> None:
        for outlet in self.outlets:
            try:
                self._tell_asset(context, outlet, job)
            except Exception as error:  # a job that is paid for is not given up for what is told of it
                self.log.warning(
                    "Outlet %s was not told of job %s (%s: %s); the job's result stands",
                    outlet,
                    job.name,
                    type(error).__name__,
                    error,
                )

    def _tell_asset(self, context: Context, outlet: Any, job: Job) -> None:
        if isinstance(outlet, Asset | AssetRef):
            context["outlet_events"][outlet].extra.update(self.lineage(job))
        elif isinstance(outlet, AssetAlias):
            for address in self.outputs(job):
                self._resolve(context, outlet, address, job)

    def _resolve(self, context: Context, alias: AssetAlias, address: str, job: Job) -> None:
        try:
            asset = Asset(uri=address)
        except ValueError as error:  # Airflow is stricter about addresses than the services are
            self.log.warning("No asset of alias %s is made of %s: %s", alias.name, address, error)
            return
        context["outlet_events"][alias].add(asset, extra=self.lineage(job))

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """Tell OpenLineage what the job will read and write."""
        from airflow_mljobs.openlineage import operator_lineage

        return operator_lineage(self, self._job)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Tell OpenLineage of the job, also when it or the task failed."""
        return self.get_openlineage_facets_on_start()

    get_openlineage_facets_on_failure = get_openlineage_facets_on_complete


def values_at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what lies at a path of names, in each item of a list on the way; nothing where it ends before.

    A resource may be the official type, or JSON with names in ``snake_case`` or in ``camelCase``.
    """
    if isinstance(value, tuple | MutableSequence):
        for item in value:
            yield from values_at(item, path)
    elif value is not None:
        if not path:
            yield value
        elif isinstance(value, Mapping):
            first, *rest = path[0].split("_")
            camel = first + "".join(word.title() for word in rest)
            yield from values_at(value.get(path[0], value.get(camel)), path[1:])
        else:
            yield from values_at(getattr(value, path[0], None), path[1:])


def as_address(text: Any) -> str | None:
    """Return the address of data, without a user, a password or parameters; nothing for any other value."""
    if not isinstance(text, str):
        return None
    scheme, _, rest = text.partition("?")[0].partition("://")
    place, slash, path = rest.partition("/")
    place = place.rpartition("@")[2]
    return f"{scheme}://{place}{slash}{path}" if scheme in STORES and place else None
