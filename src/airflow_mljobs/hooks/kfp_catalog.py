"""Experiments, pipelines and their versions, by name."""

from __future__ import annotations

from typing import Any

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.hooks.kfp_base import KFPBaseHook
from airflow_mljobs.hooks.kfp_errors import KFPServerError
from airflow_mljobs.hooks.kfp_filters import equals


class KFPCatalogHook(KFPBaseHook):
    """Looks up what a run refers to."""

    def create_experiment(self, experiment: Any) -> dict[str, Any]:
        """Create an experiment.

        :param experiment: an ``ApiExperiment`` (v1beta1) or a ``V2beta1Experiment``, or its JSON form.
        """
        return self.api.call("create_experiment", body=experiment)

    def find_experiment(self, name: str) -> str:
        """Return the id of the experiment of this name.

        :raises InvalidJobSpec: when there is none.
        """
        return self._find("list_experiments", "experiment", name)

    def check_experiment(self, experiment_id: str) -> None:
        """Hold an experiment to the hook's namespace, if there is one: where a run is, it is looked for.

        :raises InvalidJobSpec: when a run of it would be somewhere else.
        """
        if not self.namespace:
            return
        experiment = self.api.call("get_experiment", experiment_id)
        keys = [reference.get("key", {}) for reference in experiment.get("resource_references", ())]
        owners = {key.get("type"): key.get("id") for key in keys}
        namespace = experiment.get("namespace") or owners.get("NAMESPACE")
        if namespace and namespace != self.namespace:
            rule = f"is in namespace {self.namespace}, where its runs are looked for, and not in {namespace}"
            raise InvalidJobSpec(field="experiment_id", value=experiment_id, rule=rule)

    def find_pipeline(self, name: str) -> str:
        """Return the id of the pipeline of this name.

        :raises InvalidJobSpec: when there is none.
        """
        return self._find("list_pipelines", "pipeline", name)

    def newest_version(self, pipeline_id: str) -> str:
        """Return the id of a pipeline's newest version.

        :raises InvalidJobSpec: when there is no such pipeline, or it has no version.
        """
        of_pipeline = {"resource_key.type": "PIPELINE", "resource_key.id": pipeline_id}
        try:
            page = self.page(
                "list_pipeline_versions",
                *(() if self.is_v1 else (pipeline_id,)),
                within=of_pipeline if self.is_v1 else {},
                sort_by="created_at desc",
                page_size=1,
            )
        except KFPServerError as error:
            if error.status not in {400, 404} or not error.by_server:
                raise
            page = {}
        for version in self.items(page):
            return str(version.get("pipeline_version_id") or version.get("id"))
        raise InvalidJobSpec(field="pipeline_id", value=pipeline_id, rule="names a pipeline with a version")

    def _find(self, operation: str, noun: str, name: str) -> str:
        page = self.page(
            operation, within=self.within(self.namespace), filter=[equals("name", name)], page_size=1
        )
        for item in self.items(page):
            return str(item.get(f"{noun}_id") or item.get("id"))
        where = f" in namespace {self.namespace}" if self.namespace else ""
        raise InvalidJobSpec(field=noun, value=name, rule=f"names one that the server has{where}")
