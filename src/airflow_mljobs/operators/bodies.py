"""What an operator takes as a mapping, or as the name of a file that holds one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_mljobs.exceptions import InvalidJobSpec
from airflow_mljobs.operators.job import JobOperator
from airflow_mljobs.operators.secrets import hide_secrets, reveal_secrets

if TYPE_CHECKING:
    import jinja2
    from airflow.providers.common.compat.sdk import Context

EXTENSIONS = (".yaml", ".yml", ".json")


class BodyOperator(JobOperator):
    """Takes bodies: mappings, each of which may also be the name of a YAML or JSON file.

    The file is found as Airflow finds its own templates, beside the DAG or below its
    ``template_searchpath``. It is read when the task runs, rendered as a template, and parsed. What is secret
    in a body is hidden in the rendered template that Airflow shows.
    """

    bodies: ClassVar[tuple[str, ...]] = ()
    """The template fields that take one. Not Airflow's ``template_ext``, which makes a file's content of any
    text that ends so, in all fields and at any depth: of a compiled pipeline's path, of a job's argument."""

    _refused: Mapping[str, InvalidJobSpec] = MappingProxyType({})
    """Why a file was not taken, by field."""

    def render_template(
        self,
        content: Any,
        context: Context,
        jinja_env: jinja2.Environment | None = None,
        seen_oids: set[int] | None = None,
    ) -> Any:
        """Render a template, or part of one."""
        # In the official type, nothing would be rendered and everything shown.
        if to_dict := getattr(type(content), "to_dict", None):
            content = to_dict(content, use_integers_for_enums=False)
        return super().render_template(content, context, jinja_env, seen_oids)

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        # Of Airflow's steps, the only one that knows the field and is taken for mapped tasks, too.
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        if parent is self:
            for field in self.bodies:
                body = getattr(self, field)
                if isinstance(body, str):
                    try:
                        body = self._read_body(field, body, context)
                    except InvalidJobSpec as error:
                        # A task that goes on with its job, or has its result to tell, needs no file any more.
                        self._refused = {**self._refused, field: error}
                setattr(self, field, hide_secrets(body))

    def body(self, field: str) -> Any:
        """Return a body as it is sent to the service.

        :raises InvalidJobSpec: when it names a file that holds none.
        """
        if field in self._refused:
            raise self._refused[field]
        return reveal_secrets(getattr(self, field))

    def _read_body(self, field: str, path: str, context: Context) -> dict[str, Any]:
        import jinja2
        import yaml

        def refused(rule: str) -> InvalidJobSpec:
            return InvalidJobSpec(field=field, value=path, rule=rule)

        dag = self.get_dag()
        if dag is None or not path.endswith(EXTENSIONS):
            names = ", ".join(EXTENSIONS)
            raise refused(
                f"is a mapping, or names a file ({names}) beside the DAG; to make a mapping of a template, "
                "set render_template_as_native_obj on the DAG"
            )
        try:
            # Of a native environment, a file might come as something else than its text.
            text = dag.get_template_env(force_sandboxed=True).get_template(path).render(context)
        except jinja2.TemplateNotFound as error:
            raise refused(f"names a file beside the DAG or below its template_searchpath: {error}") from error
        except jinja2.TemplateError as error:
            raise refused(f"is a template that can be rendered: {type(error).__name__}: {error}") from error
        try:
            body = json.loads(text) if path.endswith(".json") else yaml.load(text, Loader=_yaml_loader())
        except json.JSONDecodeError as error:
            # Where it is wrong, but not what stands there, which may be secret. So below.
            rule = f"holds JSON: {error.msg}, in line {error.lineno} of the rendered file"
            raise refused(rule) from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f", in line {mark.line + 1} of the rendered file" if mark else ""
            raise refused(f"holds YAML: {getattr(error, 'problem', None) or error}{place}") from None
        if not isinstance(body, dict):
            raise refused(f"holds a mapping, not a {type(body).__name__}")
        return body


def _yaml_loader() -> Any:
    """Return a loader for what has a JSON form, in which a date is a text: ``{{ ds }}`` stays what it was."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader
