"""Times in a monitor's document: durations, offsets, the schedule of its runs and the window that each looks at."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import Field

from clarify.config.parts import Part, Text

SHORTEST_INTERVAL_SECONDS: Final = 60

_TIME = r"T(\d+H)?(\d+M)?(\d+S)?"
DURATION: Final = rf"^P(\d+W|\d+D({_TIME})?|{_TIME})$"
OFFSET: Final = rf"^-?P(\d+W|\d+D({_TIME})?|{_TIME})$"
_UNITS: Final = {"W": 604_800, "D": 86_400, "H": 3_600, "M": 60, "S": 1}

Duration = Annotated[str, Field(pattern=DURATION, examples=["PT1H", "P1D"])]
Offset = Annotated[str, Field(pattern=OFFSET, examples=["-P1D", "-PT6H"])]


class Schedule(Part):
    """When the monitor runs: one of cron, interval and rrule."""

    cron: Annotated[str, Field(pattern=r"^\S+( \S+){4}$", examples=["0 * * * *"])] | None = None
    """Five fields: minute, hour, day of month, month, day of week."""
    interval: Duration | None = None
    """ISO 8601 duration between two runs, such as PT1H."""
    rrule: Annotated[str, Field(pattern=r"^(RRULE:)?FREQ=", examples=["FREQ=WEEKLY;BYDAY=MO"])] | None = None
    """Recurrence rule of RFC 5545."""
    timezone: Text = "UTC"
    """Zone of the IANA database in which cron and rrule are read."""

    @property
    def interval_seconds(self) -> int:
        """Seconds between two runs; 0 where cron or rrule says when."""
        return seconds_of(self.interval or "PT0S")


class Window(Part):
    """Which of the live data one run looks at."""

    uri: Text
    """File or prefix of the live data."""
    layout: Literal["capture", "table", "batch-transform"]
    """capture: what an endpoint captured, in folders by hour; table: CSV or Parquet; batch-transform: its manifests."""
    time_column: Text | None = None
    """Column of a table that says when a row happened."""
    length: Duration | None = None
    """ISO 8601 duration that the window covers."""
    offset_start: Offset | None = None
    """Start of the window, before the run: -P8D. Instead of length."""
    offset_end: Offset = "PT0S"
    """End of the window, before the run: -P1D waits a day for late data."""

    @property
    def start_seconds(self) -> int:
        """Start of the window in seconds after the run, zero or less."""
        if self.offset_start is not None:
            return -seconds_of(self.offset_start)
        return self.end_seconds - seconds_of(self.length or "PT0S")

    @property
    def end_seconds(self) -> int:
        """End of the window in seconds after the run, zero or less."""
        return -seconds_of(self.offset_end)


def seconds_of(duration: str) -> int:
    """Length of a duration of weeks, days, hours, minutes and seconds; a sign in front is AWS's way and says nothing.

    >>> seconds_of("-P1DT2H"), seconds_of("PT90M")
    (93600, 5400)
    """
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([WDHMS])", duration))
