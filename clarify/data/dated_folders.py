"""Files in folders by hour, ``.../yyyy/mm/dd/hh/``: found without listing what lies before and after."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from clarify.data import storage
from clarify.data.moments import hours_between
from clarify.data.storage import StoredFile
from clarify.errors import StorageError

MOST_LEVELS: Final = 3                  # endpoint, variant, and one to spare
MOST_ROOTS: Final = 256
HOURS_WORTH_A_DAY: Final = 6            # from that many hours of a day on, the day is listed at once

_YEAR = re.compile(r"^(19|20)\d\d$")
_HOUR = re.compile(r"^(\d\d)/")


@dataclass(frozen=True)
class DatedFile:
    """A file, and the hour its folder stands for, in UTC."""

    hour: datetime
    uri: str
    bytes: int


def dated_roots(uri: str) -> tuple[str, ...]:
    """The folders at or below a prefix that hold folders of years, such as ``{prefix}/{endpoint}/{variant}``."""
    level, found = [storage.normalise(uri)], []
    for _ in range(MOST_LEVELS + 1):
        below: list[str] = []
        for folder in level:
            names = storage.list_folders(folder)
            if any(_YEAR.match(name) for name in names):
                found.append(folder)
            else:
                below += [storage.join(folder, name) for name in names]
        level = below[:MOST_ROOTS]
    return tuple(sorted(found))


def files_between(roots: Sequence[str], start: datetime, end: datetime) -> tuple[DatedFile, ...]:
    """Files in the folders of all hours that hold a moment of ``[start, end)``, by hour, then by name.

    Raises
    ------
    StorageError
        When a folder cannot be listed; folders that are not there hold nothing.
    """
    days = [(day, tuple(hours)) for day, hours in groupby(hours_between(start, end), key=_day)]
    found = (file for root in roots for day, hours in days for file in _files_of_day(root, day, hours))
    return tuple(sorted(found, key=lambda file: (file.hour, file.uri)))


def list_or_nothing(uri: str) -> tuple[StoredFile, ...]:
    """The files at or below a URI, none where nothing is there."""
    try:
        return storage.list_files(uri)
    except StorageError as error:
        if all(problem.code == "STORAGE-NOT-FOUND" for problem in error.problems):
            return ()
        raise


def _day(hour: datetime) -> datetime:
    return hour - timedelta(hours=hour.hour)


def _files_of_day(root: str, day: datetime, hours: Sequence[datetime]) -> Iterator[DatedFile]:
    folder = storage.join(root, f"{day:%Y/%m/%d}")
    if len(hours) >= HOURS_WORTH_A_DAY:
        wanted = {f"{hour:%H}": hour for hour in hours}
        for file in list_or_nothing(folder):
            match = _HOUR.match(file.uri.removeprefix(folder + "/"))
            if match is not None and match[1] in wanted:
                yield DatedFile(wanted[match[1]], file.uri, file.bytes)
        return
    for hour in hours:
        for file in list_or_nothing(storage.join(folder, f"{hour:%H}")):
            yield DatedFile(hour, file.uri, file.bytes)
