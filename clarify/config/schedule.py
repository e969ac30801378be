"""The moments of a schedule and the windows that belong to them, the same for every worker that asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from importlib import import_module
from itertools import chain, islice, pairwise, takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from clarify.config.timing import SHORTEST_INTERVAL_SECONDS, Schedule
from clarify.config.timing import Window as WindowRule
from clarify.errors import ConfigError, Problem
from clarify.records import Window

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MONTH: Final = timedelta(days=30)

# Rules of RFC 5545 count their intervals from a moment of their own; Prefect takes this one where none is given.
_RRULE_ANCHOR: Final = datetime(2020, 1, 1)
_FIRST_LOOK: Final = timedelta(hours=2)
_LAST_LOOK: Final = timedelta(days=60 * 366)
# Two shifts of the clock never make a local time more than that early or late.
_SHIFT: Final = timedelta(hours=3)
# Four years, to whole weeks: weekly schedules come out exact.
_SAMPLE: Final = timedelta(days=1456)
_SAMPLE_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
_SAMPLE_TICKS: Final = 2_000


def last_tick(schedule: Schedule, at: datetime) -> datetime:
    """The latest scheduled moment that is not after ``at``, in UTC.

    Intervals are counted from 1970-01-01T00:00Z. Cron and rrule are read in the schedule's zone. A local time that
    the clock skips happens as the clock is put forward (cron) or as much later as it is put forward (rrule, as
    RFC 5545 has it); one that it repeats happens the first time, but a cron of every hour happens in each of the hours.

    Raises
    ------
    ConfigError
        CFG-MONITOR-VALUE, when the schedule has no moment before ``at``.

    Examples
    --------
    >>> from clarify.config.timing import Schedule
    >>> last_tick(Schedule(cron="0 9 * * *", timezone="Europe/Berlin"), datetime(2026, 7, 1, 6, 59, tzinfo=UTC))
    datetime.datetime(2026, 6, 30, 7, 0, tzinfo=datetime.timezone.utc)
    """
    found = ticks_between(schedule, at - _LAST_LOOK, at, most=1)
    if not found:
        raise ConfigError(_never(schedule, f"no moment before {at.isoformat()}"))
    return found[0]


def ticks_between(schedule: Schedule, after: datetime, until: datetime, *, most: int) -> tuple[datetime, ...]:
    """The scheduled moments in ``(after, until]``, oldest first, in UTC; of more than ``most`` the latest ones."""
    if most < 1 or until <= after:
        return ()
    if schedule.interval is not None:
        return _interval_ticks(schedule.interval_seconds, after, until, most)
    # Spans that grow: the latest few moments of a long time cost no more than themselves.
    look = _FIRST_LOOK
    while True:
        start = max(after, until - look)
        found = tuple(_ticks(schedule, start, until))
        if len(found) >= most or start == after:
            return found[-most:]
        look *= 8


def windows_per_month(schedule: Schedule) -> float:
    """How many moments of the schedule fall into 30 days, on average.

    Every hour gives 720, every Monday 30 / 7; the first of the month 0.99, for months are longer than 30 days.

    >>> from clarify.config.timing import Schedule
    >>> windows_per_month(Schedule(interval="PT6H"))
    120.0
    """
    if schedule.interval is not None:
        return MONTH.total_seconds() / schedule.interval_seconds
    if schedule.cron is not None:
        return _cron_ticks_in_sample(schedule.cron) * (MONTH / _SAMPLE)
    # A rule of minutes fills four years with two million moments: four weeks of them tell as much.
    endless = _without_end(schedule)
    for span in (timedelta(days=28), _SAMPLE):
        count = sum(1 for _ in _ticks(endless, _SAMPLE_START, _SAMPLE_START + span))
        if count >= _SAMPLE_TICKS:
            break
    return max(count, 1) * (MONTH / span)


def window_of(window: WindowRule, tick: datetime) -> Window:
    """The window that a run looks at whose scheduled moment is ``tick``.

    >>> from clarify.config.timing import Window as WindowRule
    >>> rule = WindowRule(uri="s3://live", layout="capture", offset_start="-P8D", offset_end="-P1D")
    >>> window_of(rule, datetime(2020, 1, 9, 13, tzinfo=UTC)).name
    '20200101T130000Z-20200108T130000Z'
    """
    start, end = (timedelta(seconds=seconds) for seconds in (window.start_seconds, window.end_seconds))
    return Window.between(tick + start, tick + end)


def tick_of(window: WindowRule, looked_at: Window) -> datetime:
    """The scheduled moment whose window ends where ``looked_at`` ends."""
    return looked_at.ends - timedelta(seconds=window.end_seconds)


def schedule_problems(schedule: Schedule) -> Iterator[Problem]:
    """What is wrong with the cron or rrule of a schedule whose zone exists."""
    if schedule.cron is not None:
        yield from _cron_problems(schedule, schedule.cron)
    if schedule.rrule is not None:
        yield from _rrule_problems(schedule, schedule.rrule)


def overlap_problems(schedule: Schedule, window: WindowRule) -> Iterator[Problem]:
    """Two windows that share time: evidence would be counted twice.

    Moments of a cron or rrule in a zone with summer time come an hour closer once a year; that counts too.
    """
    gap = shortest_gap(schedule)
    length = timedelta(seconds=window.end_seconds - window.start_seconds)
    if gap is not None and length > gap[0]:
        closest = "" if schedule.interval is not None else f", as on {gap[1].isoformat().replace('+00:00', 'Z')}"
        yield Problem(
            "CFG-MONITOR-VALUE",
            "window",
            f"{_words(length)} long, while two runs can be {_words(gap[0])} apart{closest}",
            "with rule decision, windows that share no time: rows counted twice would break its promise",
            f"shorten the window to {_words(gap[0])} or less, or run less often" + _or_in_utc(schedule, length),
        )


def _or_in_utc(schedule: Schedule, length: timedelta) -> str:
    gap = shortest_gap(schedule.model_copy(update={"timezone": "UTC"}))
    return "" if gap is None or length > gap[0] else ", or write timezone: UTC"


def shortest_gap(schedule: Schedule) -> tuple[timedelta, datetime] | None:
    """The shortest time between two moments in a row, and the later of the two; None when there are not two.

    Of cron and rrule: among the first 2,000 moments from 2025 on, and around every change of the clock in that year.
    """
    if schedule.interval is not None:
        return timedelta(seconds=schedule.interval_seconds), EPOCH
    endless = _without_end(schedule)
    spans = [(_SAMPLE_START, _SAMPLE_START + _SAMPLE), *_clock_changes(ZoneInfo(schedule.timezone))]
    runs = (islice(_ticks(endless, start, end), _SAMPLE_TICKS) for start, end in spans)
    gaps = chain.from_iterable(((later - earlier, later) for earlier, later in pairwise(run)) for run in runs)
    return min(gaps, default=None)


# --- moments ----------------------------------------------------------------------------------------------------------


def _interval_ticks(seconds: int, after: datetime, until: datetime, most: int) -> tuple[datetime, ...]:
    step = timedelta(seconds=seconds)
    last, first = (until - EPOCH) // step, (after - EPOCH) // step + 1
    return tuple(EPOCH + number * step for number in range(max(first, last - most + 1), last + 1))


def _ticks(schedule: Schedule, after: datetime, until: datetime) -> Iterator[datetime]:
    zone = ZoneInfo(schedule.timezone)
    if schedule.cron is not None:
        return _cron_ticks(schedule.cron, zone, after, until)
    return _rrule_ticks(schedule.rrule or "", zone, after, until)


def _cron_ticks(cron: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    # The library's own UTC is the only zone it knows to have no summer time.
    for local in CronSim(cron, after.astimezone(UTC if zone.key == "UTC" else zone)):
        moment = local.astimezone(UTC)
        if moment > until:
            return
        if moment > after:
            yield moment


def _cron_ticks_in_sample(cron: str) -> int:
    """Moments of four years, as days times moments of a day: a cron of minutes has two million of them."""
    minute, hour, *days = cron.split(" ")
    utc, day = ZoneInfo("UTC"), timedelta(days=1)
    before = _SAMPLE_START - timedelta(seconds=1)
    n_days = sum(1 for _ in _cron_ticks(" ".join(("0", "0", *days)), utc, before, before + _SAMPLE))
    n_times = sum(1 for _ in _cron_ticks(f"{minute} {hour} * * *", utc, before, before + day))
    return n_days * n_times


def _rrule_ticks(rrule: str, zone: ZoneInfo, after: datetime, until: datetime) -> Iterator[datetime]:
    first, last = (moment.astimezone(zone).replace(tzinfo=None) for moment in (after - _SHIFT, until + _SHIFT))
    told = after
    waiting: list[datetime] = []
    for local in chain(takewhile(lambda local: local <= last, _rule(rrule, first)), (last + _SHIFT,)):
        moment = local.replace(tzinfo=zone).astimezone(UTC)
        # A skipped local time lands after later ones: hold moments back until nothing can come before them.
        while waiting and waiting[0] <= moment - _SHIFT:
            ready = heappop(waiting)
            if told < ready <= until:
                yield ready
                told = ready
        heappush(waiting, moment)


def _rule(rrule: str, near: datetime) -> Iterable[datetime]:
    """The local times of a rule from shortly before ``near`` on, or from its anchor if that is ``near`` enough."""
    parts = dict(part.split("=", 1) for part in rrule.removeprefix("RRULE:").split(";") if part)
    start = _moved_anchor(parts["FREQ"].upper(), int(parts.get("INTERVAL", "1")), near)
    rule: Iterable[datetime] = _rrules().rrulestr(rrule, dtstart=start, ignoretz=True)
    return rule


def _moved_anchor(frequency: str, interval: int, near: datetime) -> datetime:
    """The anchor moved by whole intervals, the last such moment before ``near``: a rule cannot tell the difference."""
    if frequency in ("YEARLY", "MONTHLY"):
        step = interval * (12 if frequency == "YEARLY" else 1)
        months = (near.year - _RRULE_ANCHOR.year) * 12 + near.month - _RRULE_ANCHOR.month
        moved = (months // step) * step
        return _RRULE_ANCHOR.replace(year=_RRULE_ANCHOR.year + moved // 12, month=moved % 12 + 1)
    if frequency == "WEEKLY":
        # A week begins on Monday, the anchor on a Wednesday.
        near -= timedelta(days=7)
    span = interval * _SPANS[frequency]
    return _RRULE_ANCHOR + (near - _RRULE_ANCHOR) // span * span


_SPANS: Final = {
    "WEEKLY": timedelta(weeks=1),
    "DAILY": timedelta(days=1),
    "HOURLY": timedelta(hours=1),
    "MINUTELY": timedelta(minutes=1),
    "SECONDLY": timedelta(seconds=1),
}


def _rrules() -> Any:
    return import_module("dateutil.rrule")


def _without_end(schedule: Schedule) -> Schedule:
    """The schedule as if it went on for ever: how often it comes round does not depend on when it ends."""
    rrule = schedule.rrule and re.sub(r";UNTIL=[^;]*", "", schedule.rrule, flags=re.IGNORECASE)
    return schedule.model_copy(update={"rrule": rrule})


def _clock_changes(zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Three days around every change of a zone's clock in the first year of the sample."""
    days = [_SAMPLE_START + timedelta(days=number) for number in range(367)]
    for earlier, later in pairwise(days):
        if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
            yield earlier - timedelta(days=1), later + timedelta(days=1)


# --- problems ---------------------------------------------------------------------------------------------------------


def _cron_problems(schedule: Schedule, cron: str) -> Iterator[Problem]:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(cron, EPOCH)
    except CronSimError as error:
        hint = 'write "0 * * * *" for every hour'
        yield Problem("CFG-MONITOR-VALUE", "schedule.cron", f"{cron} ({error})", "a cron expression", hint)
        return
    if not ticks_between(schedule, _SAMPLE_START, _SAMPLE_START + 10 * _SAMPLE, most=1):
        yield _never(schedule, cron)


def _rrule_problems(schedule: Schedule, rrule: str) -> Iterator[Problem]:
    words = rrule.upper()
    if "COUNT=" in words or len(rrule.split()) != 1:
        yield Problem("CFG-MONITOR-VALUE", "schedule.rrule", rrule, "one rule, without COUNT, DTSTART or other lines",
                      "end a schedule with UNTIL=20271231T000000")
        return
    try:
        first = list(islice(_rule(rrule, _RRULE_ANCHOR), 100))
    except (ValueError, KeyError, AttributeError, ArithmeticError) as error:     # whatever the parser stumbled over
        yield Problem("CFG-MONITOR-VALUE", "schedule.rrule", f"{rrule} ({error})", "a rule of RFC 5545",
                      "write FREQ=WEEKLY;BYDAY=MO, say")
        return
    if not first:
        yield _never(schedule, rrule)
    elif any((later - earlier).total_seconds() < SHORTEST_INTERVAL_SECONDS for earlier, later in pairwise(first)):
        yield Problem("CFG-MONITOR-VALUE", "schedule.rrule", rrule, "a minute or more between two runs",
                      "write FREQ=HOURLY;BYMINUTE=0;BYSECOND=0, say")


def _never(schedule: Schedule, received: str) -> Problem:
    key = "cron" if schedule.cron is not None else "rrule" if schedule.rrule is not None else "interval"
    return Problem("CFG-MONITOR-VALUE", f"schedule.{key}", received, "a schedule that comes round",
                   "mend the days: the 30th of February never comes")


def _words(span: timedelta) -> str:
    """A length of time to the second, in the units that are in it.

    >>> _words(timedelta(hours=25, seconds=5))
    '1 d 1 h 5 s'
    """
    seconds = int(span.total_seconds())
    units = (("d", seconds // 86_400), ("h", seconds // 3_600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    return " ".join(f"{count} {unit}" for unit, count in units if count) or "0 s"
