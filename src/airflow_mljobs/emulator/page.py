"""The HTML of the console: plain tables, nothing loaded from elsewhere, everything escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

_STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem; border-bottom: 1px solid #ddd; }
td.name { overflow-wrap: anywhere; }
pre { background: #f5f5f5; padding: 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.succeeded { color: #176b2c; } .failed { color: #b3261e; }
.cancelled { color: #7a5b00; } .running { color: #0b57d0; }
ul { margin: 0; padding-left: 1.1rem; }
"""
# Kubeflow Pipelines tells its pages apart by the fragment, which a browser keeps from the server. Only one
# slash may begin it: two would lead to another host.
_FOLLOW = """<script>
const page = /^#(\\/\\w[\\w\\/-]*)/.exec(location.hash);
if (page) location.replace(page[1]);
</script>"""
_REFRESH = '<meta http-equiv="refresh" content="3">'

Job = tuple[Mapping[str, Any], Sequence[tuple[str, str]]]
"""The summary of a job, and the names and states of its tasks."""


def jobs_page(jobs: Sequence[Job], now: datetime) -> str:
    """Show the jobs, the newest first."""
    rows = "".join(_row(summary, tasks, now) for summary, tasks in jobs)
    table = (
        "<table><thead><tr><th>Service</th><th>Job</th><th>State</th><th>Duration</th><th>Tasks</th>"
        f"<th>Error</th><th>Output</th></tr></thead><tbody>{rows}</tbody></table>"
    )
    return _page("ML jobs", table if jobs else "<p>No job yet.</p>", head=_FOLLOW + _REFRESH)


def job_page(summary: Mapping[str, Any], resource: Mapping[str, Any], output: str) -> str:
    """Show one job: its resource as the service has it, and what its work printed."""
    body = (
        f'<p><a href="/">All jobs</a></p><p>{_state(summary["state"])}</p>'
        f"<h2>Output</h2><pre>{escape(output) or 'No output was kept.'}</pre>"
        f"<h2>Resource</h2><pre>{escape(json.dumps(resource, indent=2))}</pre>"
    )
    return _page(summary["name"], body)


def _page(title: str, body: str, *, head: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}<title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def _row(summary: Mapping[str, Any], tasks: Sequence[tuple[str, str]], now: datetime) -> str:
    href = escape(quote(f"/_emulator/jobs/{summary['name']}"), quote=True)
    log = f'<a href="{escape(quote(summary["log"]), quote=True)}">output</a>' if summary["log"] else ""
    label = escape(summary["display_name"] or summary["name"].rpartition("/")[2])
    return (
        f"<tr><td>{escape(summary['service'])}</td>"
        f'<td class="name"><a href="{href}">{label}</a><br><small>{escape(summary["name"])}</small></td>'
        f"<td>{_state(summary['state'])}</td><td>{_duration(summary, now)}</td><td>{_tasks(tasks)}</td>"
        f'<td class="name">{escape(summary["error"] or "")}</td><td>{log}</td></tr>'
    )


def _state(word: str) -> str:
    return f'<span class="{escape(word.rpartition("_")[2].lower())}">{escape(word)}</span>'


def _duration(summary: Mapping[str, Any], now: datetime) -> str:
    if not summary["started"]:
        return ""
    end = datetime.fromisoformat(summary["ended"]) if summary["ended"] else now
    return f"{(end - datetime.fromisoformat(summary['started'])).total_seconds():.1f} s"


def _tasks(tasks: Sequence[tuple[str, str]]) -> str:
    items = "".join(f"<li>{escape(name)}: {_state(state)}</li>" for name, state in tasks)
    return f"<ul>{items}</ul>" if items else ""
