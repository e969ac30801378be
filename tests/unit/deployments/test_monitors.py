"""Monitors as deployments of a real Prefect server: one for each, whatever is added how often."""

import asyncio
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import get_args

import httpx
import pytest

from clarify.config.monitor import MonitorConfig
from clarify.config.schedule import ticks_between
from clarify.config.timing import Schedule
from clarify.errors import ConfigError
from clarify.records import Kind
from deployments.monitors import (
    ENTRYPOINTS,
    connect,
    gaps,
    next_runs,
    prefect_schedule,
    read_schedule,
    register_monitor,
    registered_monitors,
    remove_monitor,
    resume_monitor,
)

POOL = "clarify-pool"
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)        # a Friday


def monitor(name="income", *, kind="bias-drift", pool=None, **schedule):
    return MonitorConfig(
        version="1.0",
        name=name,
        kind=kind,
        schedule=schedule or {"cron": "0 * * * *"},
        window={"uri": "s3://live", "layout": "table", "time_column": "at", "length": "PT1H"},
        config="config.json",
        reference="reference",
        output="out",
        work_pool=pool,
    )


# --- schedules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(cron="30 5 * * 1-5", timezone="Europe/Berlin"),
        Schedule(interval="PT90M"),
        Schedule(interval="P1D", timezone="Europe/Berlin"),
        Schedule(rrule="FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=6;BYMINUTE=0;BYSECOND=0", timezone="America/New_York"),
        Schedule(rrule="FREQ=DAILY;INTERVAL=3"),
    ],
)
def test_prefect_plans_the_runs_whose_windows_we_look_at(schedule):
    from prefect.server.schemas import schedules

    asked = prefect_schedule(schedule)
    planned = getattr(schedules, type(asked).__name__).model_validate(asked.model_dump())
    found = asyncio.run(planned.get_dates(20, start=datetime(2026, 10, 20, tzinfo=UTC)))   # clocks change on the 25th
    dates = [datetime.fromtimestamp(date.timestamp(), UTC) for date in found]

    assert dates == list(ticks_between(schedule, dates[0] - timedelta(seconds=1), dates[-1], most=100))


def test_a_schedule_comes_back_from_prefect_as_it_was_written():
    for schedule in (Schedule(cron="0 5 * * *", timezone="Europe/Berlin"), Schedule(rrule="FREQ=DAILY")):
        assert read_schedule(prefect_schedule(schedule)) == schedule
    assert read_schedule(prefect_schedule(Schedule(interval="PT1H"))) == Schedule(interval="PT3600S")


def test_the_next_runs_come_in_order():
    assert next_runs(Schedule(cron="0 9 * * 1-5"), n=3, now=NOW) == (
        datetime(2026, 11, 23, 9, tzinfo=UTC),
        datetime(2026, 11, 24, 9, tzinfo=UTC),
        datetime(2026, 11, 25, 9, tzinfo=UTC),
    )


def test_the_longest_gap_of_working_days_is_a_weekend():
    assert gaps(Schedule(cron="0 9 * * 1-5"), now=NOW) == (timedelta(days=1), timedelta(days=3))


def test_a_monthly_schedule_has_gaps_of_months():
    assert gaps(Schedule(cron="0 0 1 * *"), now=NOW) == (timedelta(days=28), timedelta(days=31))


# --- a real server ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pool(prefect_api):
    if httpx.get(f"{prefect_api}/work_pools/{POOL}").status_code == 404:
        httpx.post(f"{prefect_api}/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()
    return POOL


@pytest.fixture
def register(tmp_path, monkeypatch, pool):
    """Registers monitors with flows that do nothing; whatever was registered is gone afterwards."""
    flows = tmp_path / "idle_flows"
    flows.mkdir()
    kinds = ("bias_drift", "attribution_drift", "data_quality", "model_quality")
    parts = [
        textwrap.dedent(f"""
            @flow(name="clarify-{kind.replace("_", "-")}")
            def clarify_{kind}(parameters: MonitorParameters):
                "One window."
        """)
        for kind in kinds
    ]
    head = textwrap.dedent("""
        from prefect import flow
        from pydantic import BaseModel, Field

        class MonitorParameters(BaseModel):
            monitor: str = Field(description="URI of monitor.yaml")
            at: str | None = None
            force: bool = False
    """)
    (flows / "monitoring.py").write_text("\n".join([head, *parts]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "idle_flows.monitoring", raising=False)

    def register(monitor, document="m.yaml"):
        name = monitor.kind.replace("-", "_")
        return register_monitor(
            monitor, document, entrypoint=f"idle_flows/monitoring.py:clarify_{name}", directory="/opt/clarify"
        )

    yield register
    for registered in registered_monitors():
        remove_monitor(registered.name)


def deployment(api, name):
    return httpx.get(f"{api}/deployments/name/{name}").json()


def test_a_monitor_becomes_a_deployment_of_its_kind(prefect_api, register):
    register(monitor(), "s3://bucket/monitor.yaml")

    found = deployment(prefect_api, "clarify-bias-drift/income")
    assert found["parameters"] == {"parameters": {"monitor": "s3://bucket/monitor.yaml"}}
    assert sorted(found["tags"]) == ["bias-drift", "clarify"]
    assert found["work_pool_name"] == POOL
    assert found["entrypoint"] == "idle_flows/monitoring.py:clarify_bias_drift"
    assert found["pull_steps"] == [{"prefect.deployments.steps.set_working_directory": {"directory": "/opt/clarify"}}]
    assert found["global_concurrency_limit"]["limit"] == 1
    assert found["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    fields = found["parameter_openapi_schema"]["definitions"]["MonitorParameters"]["properties"]
    assert fields["monitor"]["description"] == "URI of monitor.yaml"


def test_a_monitor_that_is_added_twice_is_one_deployment_with_the_new_schedule(prefect_api, register):
    first = register(monitor(cron="0 * * * *"))
    second = register(monitor(interval="PT6H"))

    assert second.deployment_id == first.deployment_id
    (found,) = registered_monitors()
    assert (found.name, found.kind, found.document) == ("income", "bias-drift", "m.yaml")
    assert (found.shortest_gap, found.longest_gap) == (timedelta(hours=6), timedelta(hours=6))
    (schedule,) = deployment(prefect_api, "clarify-bias-drift/income")["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["interval"] == 6 * 3600
    assert schedule["schedule"]["anchor_date"].startswith("1970-01-01T00:00:00")


def test_the_server_schedules_the_runs_of_a_monitor(prefect_api, register):
    registered = register(monitor(interval="PT6H"))
    wanted = {"deployment_id": {"any_": [str(registered.deployment_id)]}}
    ours = {"flow_runs": wanted, "sort": "EXPECTED_START_TIME_ASC"}

    deadline = time.monotonic() + 120
    while not (runs := httpx.post(f"{prefect_api}/flow_runs/filter", json=ours).json()):
        assert time.monotonic() < deadline, "no run was scheduled"
        time.sleep(1)

    planned = [datetime.fromisoformat(run["expected_start_time"]) for run in runs]
    assert planned == list(next_runs(Schedule(interval="PT6H"), n=len(runs), now=datetime.now(UTC)))
    assert {run["state"]["type"] for run in runs} == {"SCHEDULED"}


def test_a_monitor_that_was_paused_stays_paused(prefect_api, register):
    registered = register(monitor())
    with connect() as client:
        client.pause_deployment(registered.deployment_id)

    assert register(monitor(cron="0 5 * * *")).is_paused


def test_a_paused_monitor_is_resumed(prefect_api, register):
    registered = register(monitor())
    with connect() as client:
        client.pause_deployment(registered.deployment_id)

    assert resume_monitor("income") == ("income",)
    assert not registered_monitors()[0].is_paused


def test_a_monitor_whose_kind_was_changed_is_still_one(prefect_api, register):
    register(monitor())
    register(monitor(kind="data-quality"))

    assert [(found.name, found.kind) for found in registered_monitors()] == [("income", "data-quality")]


def test_other_deployments_of_the_project_are_no_monitors(prefect_api, register):
    register(monitor("other"))
    remove_monitor("income")

    assert [found.name for found in registered_monitors()] == ["other"]


def test_a_removed_monitor_is_gone(prefect_api, register):
    register(monitor())

    assert remove_monitor("income") == ("income",)
    assert registered_monitors() == ()


def test_a_work_pool_that_does_not_exist_is_named_beside_those_that_do(register):
    with pytest.raises(ConfigError, match=r"work_pool: received gpu-pool(?s:.)*allowed: .*clarify-pool"):
        register(monitor(pool="gpu-pool"))


def test_without_a_server_nothing_is_registered():
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        temporary_settings(restore_defaults=[PREFECT_API_URL]),
        pytest.raises(ConfigError, match=r"PREFECT_API_URL: received nothing(?s:.)*make up"),
    ):
        registered_monitors()


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_a_flow_of_its_name(kind):
    path, _, name = ENTRYPOINTS[kind].rpartition(":")

    flow = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)

    assert flow.name == f"clarify-{kind}"
    assert list(flow.parameters.properties) == ["parameters"]
