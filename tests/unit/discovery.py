"""Let Airflow discover its providers, and print as JSON what it then shows of this one."""

from __future__ import annotations

import json
import warnings

from airflow.providers_manager import ProvidersManager
from airflow.sdk import Connection

DISTRIBUTION = "airflow-provider-mljobs"

with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    manager = ProvidersManager()
    provider = manager.providers[DISTRIBUTION]
    triggers = [info for info in manager.trigger if info.package_name == DISTRIBUTION]
    hook = Connection(conn_id="kfp_default", conn_type="kfp").get_hook()
shown = {
    "version": provider.version,
    "name": provider.data["name"],
    "triggers": sorted(info.trigger_class_name for info in triggers),
    "hook": f"{type(hook).__module__}.{type(hook).__qualname__}",
    "conn_id": hook.kfp_conn_id,
    "warnings": [str(each.message) for each in heard if "mljobs" in str(each.message)],
}
print(json.dumps(shown))  # noqa: T201
