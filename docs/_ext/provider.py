"""What the pages take from the code itself: states, parameters, and which modules are public."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import nested_parse_with_titles

from airflow_mljobs.provider_info import get_provider_info

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

PACKAGE = "airflow_mljobs"
PARAMETER = re.compile(r"^:param (?P<name>\w+):.*?(?=^:|\Z)", re.MULTILINE | re.DOTALL)


class JobStates(SphinxDirective):
    """Shows what each of a service's state words means, as the hook named by the argument has it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        hook = pkgutil.resolve_name(self.arguments[0])
        note_dependencies(self.env, ours(hook))
        rows = [".. list-table::", "   :header-rows: 1", ""]
        rows += ["   * - the service's word", "     - ``status``", "     - what a waiting task does"]
        for state, status in hook.states.items():
            rows += [f"   * - ``{state}``" if state else "   * - no word yet", f"     - ``{status.value}``"]
            rows += [f"     - {self._what_follows(hook, state)}"]
        return parsed(self, rows)

    @staticmethod
    def _what_follows(hook: Any, state: str) -> str:
        status = hook.states[state]
        if state in hook.cancelling:
            return "waits for the end; a retry that finds it awaits its end and submits the next"
        if state.endswith("_PARTIALLY_SUCCEEDED"):
            return "succeeds, with a warning in its log"
        return {
            "active": "waits",
            "succeeded": "succeeds",
            "failed": "fails with ``JobFailed``",
            "cancelled": "fails with ``JobCancelled``",
        }[status.value]


class PublicModules(SphinxDirective):
    """Documents the modules that Airflow is told of, of the kinds named by the arguments."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar = {"inherited-members": str, "exclude-members": str}

    def run(self) -> list[nodes.Node]:
        """Document one after the other."""
        info = get_provider_info()
        kinds = self.arguments[0].split()
        modules = [name for kind in kinds for part in info.get(kind, ()) for name in part["python-modules"]]
        lines: list[str] = []
        for module in modules:
            lines += [f"``{module}``", "-" * (len(module) + 4), "", f".. automodule:: {module}"]
            lines += [f"   :{name}: {value}" for name, value in self.options.items()]
            lines += [""]
        return parsed(self, lines)


def parsed(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    """Parse reStructuredText, titles included, in the place of a directive."""
    source = directive.get_source_info()[0]
    node = nodes.container()
    nested_parse_with_titles(directive.state, StringList(lines, source=source), node)
    return node.children


def note_dependencies(env: BuildEnvironment, classes: Iterable[type]) -> None:
    """Have the present page read again when the code of a class has changed."""
    for cls in classes:
        env.note_dependency(inspect.getfile(cls))


def ours(cls: type) -> Iterator[type]:
    """Yield those of the classes that a class inherits from that take parameters of ours."""
    yield from (base for base in cls.__mro__ if base.__module__.startswith(PACKAGE))


def add_inherited_parameters(
    app: Sphinx, what: str, name: str, cls: Any, options: Any, lines: list[str]
) -> None:
    """Tell of a class's inherited parameters too: each is documented once, where it is declared."""
    if what != "class":
        return
    note_dependencies(app.env, ours(cls))
    told = {match["name"] for match in PARAMETER.finditer("\n".join(lines))}
    for base in list(ours(cls))[1:]:
        for match in PARAMETER.finditer(inspect.cleandoc(base.__doc__ or "")):
            if match["name"] not in told:
                told.add(match["name"])
                lines += match[0].rstrip().splitlines()
    lines.append("")


def show_inherited_parameters(
    app: Sphinx, what: str, name: str, cls: Any, options: Any, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Show a class's inherited parameters where its own ``__init__`` hands them on as ``**kwargs``."""
    if what != "class" or not takes_keywords_only(cls):
        return None
    parameters: dict[str, inspect.Parameter] = {}
    for base in ours(cls):
        if "__init__" in vars(base):
            for parameter in inspect.signature(base).parameters.values():
                parameters.setdefault(parameter.name, parameter)
    rest = parameters.pop("kwargs")
    words = ["*", *map(shown, parameters.values()), shown(rest)]
    return f"({', '.join(words)})", returns


def takes_keywords_only(cls: type) -> bool:
    """Tell whether a class takes parameters by keyword only, and hands some of them on."""
    if "__init__" not in {name for base in ours(cls) for name in vars(base)}:
        return False
    kinds = {parameter.kind for parameter in inspect.signature(cls).parameters.values()}
    return kinds == {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD}


def shown(parameter: inspect.Parameter) -> str:
    """Write a parameter as its declaration has it."""
    stars = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
    default = "" if parameter.default is inspect.Parameter.empty else f" = {parameter.default!r}"
    return f"{stars}{parameter.name}: {parameter.annotation}{default}"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx of all this."""
    app.add_directive("job-states", JobStates)
    app.add_directive("public-modules", PublicModules)
    app.connect("autodoc-process-docstring", add_inherited_parameters)
    app.connect("autodoc-process-signature", show_inherited_parameters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
