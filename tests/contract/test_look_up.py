"""Looking at many jobs costs pages, and tells of each what looking at it alone would tell."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import threading
import time
import uuid

import pytest

from airflow_mljobs.emulator.execution.base import Phase, TaskUpdate, Update
from airflow_mljobs.emulator.server import Emulator
from airflow_mljobs.exceptions import JobFailed
from airflow_mljobs.hooks.listing import CROWDED, FEW, REFUSED, SILENCES
from airflow_mljobs.hooks.survey import DETAILS, ENDS, FORGET, Survey
from airflow_mljobs.jobs import Failure, FailureKind, Job, JobStatus
from contract.drive import Task, submit
from contract.services.base import Service
from contract.services.kfp import KFP_RUN_V1, KFP_RUN_V2
from contract.services.mlengine import ML_ENGINE_JOB
from contract.services.notebook import NOTEBOOK_EXECUTION_JOB
from contract.services.vertex_ai import CUSTOM_JOB, PIPELINE_JOB

HANG = {"emulator-outcome": "hang"}
BRIEF = (PIPELINE_JOB, KFP_RUN_V1)
"""Their lists leave out what a job got alone tells of its steps."""
BY_ID = (KFP_RUN_V1, KFP_RUN_V2)
"""Their lists are asked for ids, and so never crowded."""
LABELLED = (PIPELINE_JOB, CUSTOM_JOB)
"""Their lists leave out jobs without our label."""


def of(*services: Service) -> pytest.MarkDecorator:
    """Run a test for these services only."""
    return pytest.mark.parametrize("service", services, ids=lambda service: service.name, indirect=True)


@pytest.fixture(autouse=True)
def project(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test's jobs be the only ones of their project."""
    extra = {"project": f"look-{uuid.uuid4().hex[:12]}"}
    connection = {"conn_type": "google_cloud_platform", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT", json.dumps(connection))


def many(emulator: Emulator, service: Service, count: int, *, durable: bool = True) -> list[str]:
    """Make jobs that are at work: one by its operator, the others in the emulator as copies of it."""
    first = submit(service.run, Task(), labels=HANG, durable=durable)["name"]
    record = emulator.store.get(first)
    assert record is not None
    content, names = emulator.store.content(first), [str(first)]
    for number in range(count - 1):
        # As long as the first one's, so that it takes its place within a message.
        job_id = f"{record.id[:-4]}{number:04d}"
        values = {key: value.replace(record.id, job_id) for key, value in record.extra.items()}
        copy = dataclasses.replace(
            record,
            name=record.name.replace(record.id, job_id),
            display_name=record.display_name.replace(record.id, job_id),
            extra=values,
        )
        emulator.store.save(copy, content.replace(record.id.encode(), job_id.encode()))
        names.append(copy.name)
    return names


def end(emulator: Emulator, names: list[str], phase: Phase) -> None:
    """Let jobs end, a pipeline's last task with it."""
    for name in names:
        record = emulator.store.get(name)
        assert record is not None
        jobs = emulator.jobs[record.kind]
        error = jobs.failure if phase is Phase.FAILED else None
        tasks = [task for task, _ in jobs.tasks(jobs.load(record))]
        last = (
            [TaskUpdate(name="evaluate", phase=phase, error=error)]
            if tasks or record.kind == "KFPRun"
            else []
        )
        emulator.report(name, Update(phase=phase, error=error, tasks=last))


class Surveyor:
    """Asks a survey of its own, whose time a test moves."""

    def __init__(self, service: Service, names: list[str], now: list[float]) -> None:
        parent = names[0].rpartition("/")[0].rpartition("/")[0]
        self.hook = service.one["get"](names[0]).hook
        self.survey = Survey(hook=self.hook, parent=parent, clock=lambda: now[0])

    def look_up(self, names: list[str]) -> dict[str, Job | Failure]:
        """Look at jobs, as the hook does."""
        return dict(self.survey.look_at(names))


def survey_of(service: Service, names: list[str]) -> tuple[Surveyor, list[float]]:
    """Return what looks at jobs, and its clock."""
    now = [0.0]
    return Surveyor(service, names, now), now


def lists_and_gets(emulator: Emulator, service: Service) -> tuple[int, int]:
    """Count what was asked since the last count."""
    counts = tuple(emulator.requests.count(service.methods[verb]) for verb in ("list", "get"))
    emulator.requests.reset()
    return counts[0], counts[1]


def test_jobs_at_work_cost_pages(service: Service, emulator: Emulator) -> None:
    """Two hundred and fifty jobs at work cost a few pages, and a look that finds no change is the same."""
    names = many(emulator, service, 250)
    hook = service.one["get"](names[0]).hook
    emulator.requests.reset()

    first = hook.look_up(names)

    # A page of Kubeflow Pipelines holds whole runs, and so not as many as it could.
    most = 5 if service in BY_ID else 3 if service is ML_ENGINE_JOB else 1
    lists, gets = lists_and_gets(emulator, service)
    assert lists <= most
    assert gets == (DETAILS if service in BRIEF else 0)
    assert {type(look) for look in first.values()} == {Job}
    assert set(first) == set(names)

    again = hook.look_up(names)

    lists, gets = lists_and_gets(emulator, service)
    assert lists <= most
    assert gets == (DETAILS if service in BRIEF else 0)
    if service not in BRIEF:
        assert again == first


def test_few_jobs_are_got(service: Service, emulator: Emulator) -> None:
    """A handful of jobs is got one by one, with all that this tells."""
    names = many(emulator, service, FEW)
    emulator.requests.reset()

    service.one["get"](names[0]).hook.look_up(names)

    assert lists_and_gets(emulator, service) == (0, FEW)


def test_ends_are_told_in_full(service: Service, emulator: Emulator) -> None:
    """Jobs that left the list of those at work are told as each would be alone, reasons and all."""
    names = many(emulator, service, 30)
    hook = service.one["get"](names[0]).hook
    hook.look_up(names)
    failed, cancelled, succeeded = names[:6], names[6:9], names[9:15]
    for phase, ended in ((Phase.FAILED, failed), (Phase.CANCELLED, cancelled), (Phase.SUCCEEDED, succeeded)):
        end(emulator, ended, phase)
    emulator.requests.reset()

    looks = hook.look_up(names)

    lists, gets = lists_and_gets(emulator, service)
    assert lists == (2 if hook.lists_by_state else 1)
    # In the older generation of KFP, a cancelled run is called failed as well.
    assert gets <= (len(failed + cancelled) + ENDS + DETAILS if service in BRIEF else 0)
    assert {name: looks[name] for name in names[:15]} == {name: hook.get_job(name) for name in names[:15]}
    assert all(isinstance(look := looks[name], Job) and service.reason in str(look.error) for name in failed)
    assert {look.status for name in names[15:] if isinstance(look := looks[name], Job)} == {JobStatus.ACTIVE}


def test_missing_jobs_hide_no_others(service: Service, emulator: Emulator) -> None:
    """Of many jobs, those that are gone are told as missing, and the others as they are."""
    names = many(emulator, service, 12)
    gone = [f"{name[:-1]}{'a' if name[-1] != 'a' else 'b'}" for name in names[:8]]

    looks = service.one["get"](names[0]).hook.look_up([*names, *gone])

    assert {type(looks[name]) for name in names} == {Job}
    assert {look.kind for name in gone if isinstance(look := looks[name], Failure)} == {FailureKind.MISSING}


@of(PIPELINE_JOB, CUSTOM_JOB, NOTEBOOK_EXECUTION_JOB, ML_ENGINE_JOB)
def test_a_crowd_is_avoided(service: Service, emulator: Emulator) -> None:
    """Where others have many more jobs at work, ours are got, and the list is left alone for a while."""
    names = many(emulator, service, 20)
    hook, now = survey_of(service, names)
    others = many(emulator, service, 60)
    hook.look_up(names)
    emulator.requests.reset()
    hook.look_up(names)
    assert lists_and_gets(emulator, service) == (1, DETAILS if service in BRIEF else 0)

    others += many(emulator, service, 500)
    emulator.requests.reset()
    hook.look_up(names)
    lists, gets = lists_and_gets(emulator, service)
    assert lists < len(names) / 2
    assert gets == len(names)

    assert {type(look) for look in hook.look_up(names).values()} == {Job}
    assert lists_and_gets(emulator, service) == (0, len(names))
    # Whom it is too long for says nothing of a look at all of them.
    hook.look_up([*names, *others])
    lists, gets = lists_and_gets(emulator, service)
    assert lists > 0
    assert gets <= DETAILS
    now[0] += CROWDED
    hook.look_up(names)
    assert lists_and_gets(emulator, service)[0] > 0


@of(*LABELLED)
@pytest.mark.parametrize("count", [1, 20])
def test_jobs_without_a_label_are_seen(service: Service, emulator: Emulator, count: int) -> None:
    """A few jobs that no task marked are got; for many of them the list is asked for all jobs."""
    names = [*many(emulator, service, 20), *many(emulator, service, count, durable=False)]
    hook = service.one["get"](names[0]).hook

    # As many looks as it takes to have got every pipeline whole.
    for _ in range(10):
        assert {type(look) for look in hook.look_up(names).values()} == {Job}
    emulator.requests.reset()
    hook.look_up(names)

    assert lists_and_gets(emulator, service) == ((1, 1) if count == 1 else (2, 0))


@of(*LABELLED)
def test_others_without_a_label_do_not_matter(service: Service, emulator: Emulator) -> None:
    """However many jobs run that no task marked, ours cost what they cost without them."""
    names = many(emulator, service, 20)
    many(emulator, service, 500, durable=False)
    emulator.requests.reset()

    service.one["get"](names[0]).hook.look_up(names)

    assert lists_and_gets(emulator, service) == (1, DETAILS if service in BRIEF else 0)


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "INVALID_ARGUMENT"])
def test_a_list_that_is_refused_is_given_up(
    service: Service, emulator: Emulator, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who may get jobs but not list them has them got, and is told so; later the list is tried again."""
    names = many(emulator, service, 12)
    hook, now = survey_of(service, names)
    emulator.requests.reset()
    emulator.faults.add(method=service.methods["list"], code=code)

    with caplog.at_level(logging.WARNING, logger="airflow_mljobs"):
        looks = [hook.look_up(names) for _ in range(2)]

    assert {type(look) for answer in looks for look in answer.values()} == {Job}
    # One more tells whether only the list is refused.
    assert lists_and_gets(emulator, service) == (1, 2 * len(names) + 1)
    assert len([r for r in caplog.records if "cannot be listed" in r.message]) == 1
    now[0] += REFUSED[0]
    hook.look_up(names)
    assert lists_and_gets(emulator, service)[0] == 1


def test_who_is_refused_everything_is_let_in_again(service: Service, emulator: Emulator) -> None:
    """Lost rights cost no request for each job, and lists are back as soon as the rights are."""
    names = many(emulator, service, 40)
    hook = service.one["get"](names[0]).hook
    emulator.requests.reset()
    emulator.faults.add(method=service.methods["list"], code="PERMISSION_DENIED")
    emulator.faults.add(method=service.methods["get"], code="PERMISSION_DENIED")

    looks = hook.look_up(names)

    assert {look.kind for look in looks.values() if isinstance(look, Failure)} == {FailureKind.DENIED}
    assert len(looks) == len(names)
    assert lists_and_gets(emulator, service) == (1, 1)
    assert {type(look) for look in hook.look_up(names).values()} == {Job}
    assert lists_and_gets(emulator, service)[0] > 0


@pytest.mark.parametrize("code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED"])
def test_a_service_that_is_down_is_asked_once(service: Service, emulator: Emulator, code: str) -> None:
    """A list that gets no answer is a failure of all, with the time that the service asks for."""
    names = many(emulator, service, 12)
    hook = service.one["get"](names[0]).hook
    emulator.requests.reset()
    emulator.faults.add(method=service.methods["list"], code=code, message="later", retry_after=7.5)

    looks = hook.look_up(names)

    kind = FailureKind.UNAVAILABLE if code == "UNAVAILABLE" else FailureKind.QUOTA
    assert set(looks) == set(names)
    assert {(look.kind, look.retry_after) for look in looks.values() if isinstance(look, Failure)} == {
        (kind, 7.5)
    }
    assert lists_and_gets(emulator, service) == (1, 0)


@of(ML_ENGINE_JOB)
def test_a_list_that_breaks_off_has_told_something(service: Service, emulator: Emulator) -> None:
    """Whom the pages before the failure named is seen, and only the others are not."""
    names = many(emulator, service, 150)
    emulator.faults.add(
        method=service.methods["list"], code="RESOURCE_EXHAUSTED", containing="pageToken", retry_after=9
    )

    looks = service.one["get"](names[0]).hook.look_up(names)

    kinds = [type(look) for look in looks.values()]
    assert (kinds.count(Job), kinds.count(Failure)) == (100, 50)


@of(ML_ENGINE_JOB)
def test_the_middle_of_a_list_is_asked_for_again(service: Service, emulator: Emulator) -> None:
    """A later page that meets silence is asked for again: a storm must not hide the last ones for ever."""
    names = many(emulator, service, 150)
    emulator.faults.add(method=service.methods["list"], code="UNAVAILABLE", containing="pageToken")
    emulator.requests.reset()

    looks = service.one["get"](names[0]).hook.look_up(names)

    assert {type(look) for look in looks.values()} == {Job}
    assert lists_and_gets(emulator, service) == (3, 0)


def test_a_list_that_alone_is_silent_is_done_without(service: Service, emulator: Emulator) -> None:
    """Where gets are answered and lists are not, the jobs are got in the end."""
    names = many(emulator, service, 12)
    hook = service.one["get"](names[0]).hook
    emulator.faults.add(method=service.methods["list"], code="UNAVAILABLE", times=SILENCES)

    looks = [hook.look_up(names) for _ in range(SILENCES)]

    kinds = [{type(look) for look in each.values()} for each in looks]
    assert kinds == [{Failure}] * (SILENCES - 1) + [{Job}]


@of(CUSTOM_JOB, ML_ENGINE_JOB)
def test_gets_end_where_a_quota_does(service: Service, emulator: Emulator) -> None:
    """A service that is asked too much already is not asked for the rest of many jobs."""
    names = many(emulator, service, 120)
    hook = service.one["get"](names[0]).hook
    emulator.faults.add(method=service.methods["list"], code="PERMISSION_DENIED")
    hook.look_up(names)
    emulator.requests.reset()
    emulator.faults.add(method=service.methods["get"], code="RESOURCE_EXHAUSTED", times=120)

    looks = hook.look_up(names)
    emulator.faults.clear()

    assert len(looks) == len(names)
    assert {look.kind for look in looks.values() if isinstance(look, Failure)} == {FailureKind.QUOTA}
    assert lists_and_gets(emulator, service)[1] < 60


@of(PIPELINE_JOB)
def test_an_end_is_never_told_from_memory(service: Service, emulator: Emulator) -> None:
    """Jobs that failed are at work in no later look, though the first could not get why they failed."""
    names = many(emulator, service, 30)
    hook = service.one["get"](names[0]).hook
    hook.look_up(names)
    end(emulator, names, Phase.FAILED)
    emulator.faults.add(method=service.methods["get"], code="UNAVAILABLE", times=500)
    first = hook.look_up(names)
    emulator.faults.clear()

    second = hook.look_up(names)

    for looks in (first, second):
        assert {look.status for look in looks.values() if isinstance(look, Job)} == {JobStatus.FAILED}
        assert len(looks) == len(names)


@of(*BRIEF)
def test_reasons_of_many_failures_are_left_to_who_tells_them(service: Service, emulator: Emulator) -> None:
    """Of many that fail together some are told with their reason, and each of the others can be completed."""
    names = many(emulator, service, 2 * ENDS)
    hook = service.one["get"](names[0]).hook
    end(emulator, names, Phase.FAILED)
    emulator.requests.reset()

    looks = [look for look in hook.look_up(names).values() if isinstance(look, Job)]

    assert lists_and_gets(emulator, service)[1] == ENDS
    assert [look.status for look in looks] == [JobStatus.FAILED] * len(names)
    brief = [look for look in looks if look.error is None]
    assert len(brief) == ENDS
    assert hook.complete(brief[0]) == hook.get_job(brief[0].name)


@of(*BRIEF)
def test_the_worker_gets_the_reason_that_a_list_left_out(service: Service, emulator: Emulator) -> None:
    """A task whose job is told as failed without a reason fails with the service's reason."""
    (name,) = many(emulator, service, 1)
    operator = service.run(deferrable=True)
    job = operator.hook.get_job(name)
    end(emulator, [name], Phase.FAILED)
    event = {"job": dataclasses.replace(job, status=JobStatus.FAILED).to_dict(), "error": None}

    with pytest.raises(JobFailed, match=re.escape(service.reason)):
        operator.execute_complete(Task().context, event)


@of(PIPELINE_JOB)
def test_a_reason_that_cannot_be_asked_for_hides_no_failure(service: Service, emulator: Emulator) -> None:
    """A task whose job's reason is refused fails all the same, and says why there is none."""
    (name,) = many(emulator, service, 1)
    operator = service.run(deferrable=True)
    job = operator.hook.get_job(name)
    emulator.faults.add(method=service.methods["get"], code="PERMISSION_DENIED", times=1)
    event = {"job": dataclasses.replace(job, status=JobStatus.FAILED).to_dict(), "error": None}

    with pytest.raises(JobFailed, match=r"reason could not be asked for \(PermissionDenied"):
        operator.execute_complete(Task().context, event)


@of(PIPELINE_JOB)
def test_a_failure_without_its_reason_is_one(service: Service, emulator: Emulator) -> None:
    """Who may list jobs but not get them is told that they failed."""
    names = many(emulator, service, 12)
    hook = service.one["get"](names[0]).hook
    end(emulator, names, Phase.FAILED)
    emulator.faults.add(method=service.methods["get"], code="PERMISSION_DENIED", times=500)

    looks = hook.look_up(names)
    emulator.faults.clear()

    assert {look.status for look in looks.values() if isinstance(look, Job)} == {JobStatus.FAILED}
    assert len(looks) == len(names)


@of(PIPELINE_JOB)
def test_what_is_known_is_told_first(service: Service, emulator: Emulator) -> None:
    """Jobs that a list tells in full do not wait for the reasons why others failed."""
    names = many(emulator, service, ENDS + 20)
    hook = service.one["get"](names[0]).hook
    end(emulator, names[10:], Phase.SUCCEEDED)
    end(emulator, names[:10], Phase.FAILED)
    emulator.requests.reset()

    looks = hook.look_at(names)
    first = [next(looks) for _ in range(10)]

    assert {look.status for _, look in first if isinstance(look, Job)} == {JobStatus.SUCCEEDED}
    assert lists_and_gets(emulator, service)[1] == 0
    assert len(list(looks)) == 10 + ENDS


def test_nothing_is_left_of_many_gets(service: Service, emulator: Emulator) -> None:
    """The threads that get jobs end with the hook, and not when memory is tidied."""
    names = many(emulator, service, 12)
    hook = service.one["get"](names[0]).hook
    emulator.faults.add(method=service.methods["list"], code="PERMISSION_DENIED")
    before = set(threading.enumerate())
    hook.look_up(names)

    hook.close()

    deadline = time.monotonic() + 10
    while any(thread.name.startswith("job-get") for thread in set(threading.enumerate()) - before):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_get_tells_when_to_come_back(service: Service, emulator: Emulator) -> None:
    """A job alone that is refused for now has the time that the service asks for."""
    (name,) = many(emulator, service, 1)
    emulator.faults.add(method=service.methods["get"], code="RESOURCE_EXHAUSTED", retry_after=12)

    look = service.one["get"](name).hook.look(name)

    assert isinstance(look, Failure)
    assert look.retry_after == 12


@of(PIPELINE_JOB)
def test_progress_is_got_when_it_changed(service: Service, emulator: Emulator) -> None:
    """A pipeline is got whole when it changed and only then, some at each look, and keeps its progress."""
    names = many(emulator, service, 25)
    hook = service.one["get"](names[0]).hook
    looks = [hook.look_up(names) for _ in range(5)]
    assert all(isinstance(look, Job) and look.progress for look in looks[-1].values())
    emulator.requests.reset()

    same = hook.look_up(names)

    assert same == looks[-1]
    assert lists_and_gets(emulator, service) == (1, 0)

    emulator.report(names[7], Update(tasks=[TaskUpdate(name="evaluate", phase=Phase.RUNNING)]))
    moved = hook.look_up(names)[names[7]]

    assert lists_and_gets(emulator, service) == (1, 1)
    assert isinstance(moved, Job)
    assert moved.progress is not None
    assert moved.progress.running == ("evaluate",)


@of(PIPELINE_JOB)
def test_who_is_not_asked_for_is_forgotten(service: Service, emulator: Emulator) -> None:
    """What was known of a job is gone when nobody asked for it in an hour, and not before."""
    # The first one of them goes on by itself, and would be news.
    names = many(emulator, service, 1 + 2 * DETAILS)[1:]
    parent, now = names[0].rsplit("/", 2)[0], [0.0]
    survey = Survey(hook=service.one["get"](names[0]).hook, parent=parent, clock=lambda: now[0])
    for moment, gets in ((0.0, DETAILS), (FORGET, DETAILS), (2 * FORGET, 0), (3 * FORGET + 1, DETAILS)):
        now[0] = moment
        emulator.requests.reset()

        dict(survey.look_at(names))

        assert lists_and_gets(emulator, service) == (1, gets)


def test_both_ways_to_write_a_project_are_one(emulator: Emulator) -> None:
    """A job is known by its id, as the service may write its project in another way than the user."""
    names = many(emulator, CUSTOM_JOB, 12)
    project = names[0].split("/")[1]
    hook = CUSTOM_JOB.one["get"](names[0]).hook
    for name in names:
        record = emulator.store.get(name)
        assert record is not None
        content = emulator.store.content(name).replace(project.encode(), b"1" * len(project))
        emulator.store.save(record, content)

    emulator.requests.reset()

    looks = hook.look_up(names)

    written = {look.name.split("/")[1] for look in looks.values() if isinstance(look, Job)}
    assert written == {"1" * len(project)}
    assert set(looks) == set(names)
    assert lists_and_gets(emulator, CUSTOM_JOB) == (1, 0)


def test_a_job_that_cannot_be_read_hides_no_other(emulator: Emulator) -> None:
    """What is wrong with one job of a list is told of this job, and the list goes on to serve the others."""
    names = many(emulator, ML_ENGINE_JOB, 12)
    record = emulator.store.get(names[4])
    assert record is not None
    resource = json.loads(emulator.store.content(record.name))
    resource["job"]["createTime"] = "yesterday"
    emulator.store.save(record, json.dumps(resource).encode())
    emulator.requests.reset()

    hook = ML_ENGINE_JOB.one["get"](names[0]).hook
    looks = [hook.look_up(names) for _ in range(2)][-1]

    wrong = looks.pop(names[4])
    assert isinstance(wrong, Failure)
    assert wrong.kind is FailureKind.OTHER
    assert {type(look) for look in looks.values()} == {Job}
    assert lists_and_gets(emulator, ML_ENGINE_JOB) == (2, 2)
