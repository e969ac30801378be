"""Small random tables with the awkward columns of real ones: nulls, missing classes, constants, strings of digits."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from random import Random

Scalar = str | int | float | bool
Values = tuple[Scalar | None, ...]


@dataclass(frozen=True)
class RandomColumn:
    kind: str                            # int | float | bool | text, as a file declares it or its values read
    values: Values

    @property
    def seen(self) -> tuple[Scalar, ...]:
        """Different values in order of first appearance."""
        return tuple(dict.fromkeys(value for value in self.values if value is not None))

    @property
    def nulls(self) -> int:
        return sum(value is None for value in self.values)


@dataclass(frozen=True)
class RandomTable:
    """Rows, and what a config says of them: exactly what both sides of the sweep are given."""

    seed: int
    format: str                          # csv | parquet
    columns: dict[str, RandomColumn]
    facet: str
    facet_values: tuple[Scalar, ...] | None
    label: str
    positive: tuple[Scalar, ...]
    predicted: str | None
    group: str | None
    csv: str = field(default="")

    def as_plain(self) -> dict:
        return asdict(self)


def random_table(seed: int) -> RandomTable:
    """One table of 2 to 60 rows; the same seed gives the same table."""
    draw = Random(seed)
    rows = draw.randint(*draw.choice([(2, 60), (41, 60)]))      # from 41 rows on, AWS reads two codes by value
    file_format = draw.choice(["csv", "csv", "parquet"])
    strings_of_digits = file_format == "parquet"
    facet = _facet(draw, rows, strings_of_digits)
    label, flipped = _label(draw, rows, strings_of_digits)
    columns = {"facet": _with_nulls(draw, facet, 0.25), "label": _with_nulls(draw, label, 0.15)}
    predicted = draw.random() < 0.8
    if predicted:
        columns["predicted"] = _with_nulls(draw, flipped, 0.12)
    group = _group(draw, rows)
    if group is not None:
        columns["stratum"] = _with_nulls(draw, group, 0.2)
    columns |= _features(draw, rows)
    return RandomTable(
        seed,
        file_format,
        columns,
        "facet",
        _listed_for_facet(draw, columns["facet"]),
        "label",
        _listed_for_label(draw, columns["label"]),
        "predicted" if predicted else None,
        "stratum" if group is not None else None,
        csv_text(columns) if file_format == "csv" else "",
    )


def _facet(draw: Random, rows: int, strings_of_digits: bool) -> RandomColumn:
    pools = [
        ("text", ["f", "m"]), ("text", ["north", "south", "east", "west"]), ("int", [0, 1]), ("int", [1, 2, 3]),
        ("bool", [True, False]), ("int", list(range(18, 81))), ("float", None), ("text", ["only"]), ("int", [7]),
        ("int", list(range(-9, 10))),
    ]  # fmt: skip
    pools += [("text", ["0", "1"]), ("text", ["10", "20", "30"]), ("text", ["1.5", "2.5"])] * strings_of_digits
    kind, pool = draw.choice(pools)
    return RandomColumn(kind, tuple(draw.choice(pool) if pool else _decimal(draw, 20, 70) for _ in range(rows)))


def _label(draw: Random, rows: int, strings_of_digits: bool) -> tuple[RandomColumn, RandomColumn]:
    """A label and predictions of it: mostly of the same kind, mostly right."""
    pools = [
        ("int", [0, 1]), ("int", [0, 1]), ("int", [1, 2]), ("int", [0, 1, 2]), ("text", ["yes", "no"]),
        ("text", ["low", "mid", "high"]), ("bool", [True, False]), ("float", None), ("int", list(range(0, 100, 7))),
        ("text", ["all"]), ("float", [0.0, 1.0]),
    ]  # fmt: skip
    pools += [("text", ["0", "1"])] * strings_of_digits
    kind, pool = draw.choice(pools)

    def one() -> Scalar:
        return draw.choice(pool) if pool else _decimal(draw, 0, 10)

    share = draw.random()
    common = pool[0] if pool else None
    label = tuple(common if common is not None and draw.random() < share * 0.8 else one() for _ in range(rows))
    predicted: Values = tuple(value if draw.random() < 0.7 else one() for value in label)
    if draw.random() < 0.05:
        predicted = (predicted[0],) * rows
    predicted_kind = kind
    if kind == "int" and draw.random() < 0.08:
        predicted_kind, predicted = "float", tuple(float(value) for value in predicted)
    return RandomColumn(kind, label), RandomColumn(predicted_kind, predicted)


def _group(draw: Random, rows: int) -> RandomColumn | None:
    kind, pool = draw.choice([("", []), ("text", ["p", "q", "r"]), ("int", [0, 1, 2]), ("bool", [True, False]),
                              ("float", [0.5, 1.5])])  # fmt: skip
    return RandomColumn(kind, tuple(draw.choice(pool) for _ in range(rows))) if pool else None


def _features(draw: Random, rows: int) -> dict[str, RandomColumn]:
    """Numbers with so many digits that no two distances tie; now and then a null or a word among them."""
    columns = {
        name: RandomColumn("float", tuple(round(draw.gauss(0, 1), 6) for _ in range(rows))) for name in ("x1", "x2")
    }
    if draw.random() < 0.1:
        columns["x2"] = _with_nulls(draw, columns["x2"], 1.0)
    if draw.random() < 0.15:
        columns["word"] = RandomColumn("text", tuple(draw.choice("abc") for _ in range(rows)))
    return columns


def _with_nulls(draw: Random, column: RandomColumn, chance: float) -> RandomColumn:
    if draw.random() >= chance:
        return column
    share = draw.choice([0.05, 0.2, 0.5])
    return RandomColumn(column.kind, tuple(None if draw.random() < share else value for value in column.values))


def _decimal(draw: Random, low: int, high: int) -> float:
    return round(draw.uniform(low, high), draw.choice([1, 1, 2]))


def _listed_for_facet(draw: Random, column: RandomColumn) -> tuple[Scalar, ...] | None:
    chance = 0.4 if len(column.seen) < 5 else 0.05
    return None if draw.random() < chance else _listed(draw, column) or None


def _listed_for_label(draw: Random, column: RandomColumn) -> tuple[Scalar, ...]:
    """Mostly a value of the label; not its largest, which in a small table is a threshold nobody is above."""
    if not column.seen:
        return (1,)
    if draw.random() < 0.3:
        return _listed(draw, column)
    small = sorted(column.seen)[:-1] if len(column.values) < 41 else column.seen
    return (draw.choice(small or column.seen),)


def _listed(draw: Random, column: RandomColumn) -> tuple[Scalar, ...]:
    """Values or a threshold as people write them: from the data, beside it, in another type, several."""
    seen = column.seen
    if not seen:
        return ()
    some = draw.choice(seen)
    chance = draw.random()
    if chance < 0.5:
        return (some,)
    if chance < 0.6:
        return (_in_other_words(draw, some),)
    if chance < 0.75 and len(seen) > 1:
        return tuple(draw.sample(seen, draw.randint(2, len(seen)) if len(seen) < 6 else 2))
    if column.kind in ("int", "float"):
        low, high = min(seen), max(seen)
        return (draw.choice([high, high + 1, low - 1, (low + high) / 2, (low + high) // 2, str(some), abs(high)]),)
    return (draw.choice(["absent", 1, some]),) if column.kind == "text" else (draw.choice([0, 1, "False", some]),)


def _in_other_words(draw: Random, value: Scalar) -> Scalar:
    if isinstance(value, bool):
        return draw.choice([str(value), str(value).lower(), int(value)])
    if isinstance(value, int):
        return draw.choice([str(value), float(value), bool(value), f"{value}.0"])
    if isinstance(value, float):
        return draw.choice([str(value), int(value)])
    return int(value) if value.isdigit() else value.upper()


def csv_text(columns: dict[str, RandomColumn]) -> str:
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(
        ["" if cell is None else repr(cell) if isinstance(cell, float) else str(cell) for cell in row]
        for row in zip(*(column.values for column in columns.values()), strict=True)
    )
    return sink.getvalue()
