"""Resources that users write in JSON form, read into the official messages; refusals tell no secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from airflow_mljobs.exceptions import InvalidJobSpec

# Where the parser quotes what it was given, which may be the value of an environment variable.
QUOTED_VALUE = re.compile(r"(?<= which is ).*(?= at )", re.DOTALL)


def parse_resource(kind: Any, given: Any, *, field: str) -> Any:
    """Return a resource as a plain protobuf message, a copy of what was given.

    :param kind: the official type.
    :param given: the resource, as the official type or in its JSON form, with field names in
        ``snake_case`` or ``camelCase``.
    :param field: what the user calls it.
    :raises InvalidJobSpec: naming the field and the rule, and the fields that were given instead of values.
    """
    message = kind.pb()()
    if isinstance(given, kind):
        message.CopyFrom(kind.pb(given))
        return message
    try:
        return json_format.ParseDict(dict(given), message)
    except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
        # Not the cause itself, which would quote the value after all.
        raise _malformed(kind.__name__, given, str(error), field=field) from None


def _malformed(kind: str, given: Any, reason: str, *, field: str) -> InvalidJobSpec:
    place = re.search(rf" at \"?{kind}\.([\w.\[\]]+)", reason)
    value = given
    for step in re.findall(r"\w+", place[1]) if place else ():
        value = value[int(step) if step.isdigit() else step]
    return InvalidJobSpec(
        field=f"{field}.{place[1]}" if place else field,
        # Its fields, but not what is in them: that may be secret.
        value=sorted(map(str, value)) if isinstance(value, Mapping) else type(value).__name__,
        rule=f"has the form of a {kind}: {QUOTED_VALUE.sub('…', reason)}",
    )
