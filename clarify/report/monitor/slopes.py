"""Attribution drift as a slope chart: each feature's share in the reference and in the window, and what has moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clarify.records import AttributionDrift, FeatureDrift, OutputDrift, Status
from clarify.report import numbers
from clarify.report.forest import coordinate
from clarify.report.monitor.marks import circle, triangle
from clarify.report.monitor.tables import status_of
from clarify.report.names import clean
from clarify.report.words import Part, Sentence, name, plain, say, some, strong

MOST_FEATURES = 8
MOST_NAMED = 3
TESTS = 3
SERVICE_THRESHOLD = "0.90"
_LONGEST_LABEL = 24
_ENDS = (0.1, 0.15, 0.25, 0.4, 0.6, 1.0)

WIDTH, HEIGHT = 400, 236
_LEFT, _RIGHT = 62.0, 214.0
_TOP, _BOTTOM = 34.0, 216.0
_CLOSEST = 14.0


@dataclass(frozen=True)
class Slope:
    """One feature from the reference to the window. ``bar``: 95 % of the change, drawn at the window's end."""

    state: str                              # class: "violation" where the feature moved, else nothing
    line: str
    bar: str
    marks: str
    leaders: str                            # from the ends to labels that had to give way
    then: str
    now: str
    label: str
    then_y: str
    now_y: str


@dataclass(frozen=True)
class SlopeChart:
    """Shares of all attributions of one output; the axis ends at one of six round numbers."""

    anchor: str
    title: str
    finding: str
    slopes: tuple[Slope, ...]
    end: str
    note: str
    width: int = WIDTH
    height: int = HEIGHT
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM


def slopes_of(output: OutputDrift, drift: AttributionDrift, *, anchor: str) -> SlopeChart:
    """The eight features with the largest shares, then or now; of the others only their number."""
    shown = sorted(output.features, key=lambda one: -max(one.share, one.reference_share))[:MOST_FEATURES]
    largest = max((_upper(one) for one in shown), default=0.0)
    end = next((end for end in _ENDS if largest <= end), 1.0)
    then = _spread([_y(one.reference_share, end) for one in shown])
    now = _spread([_y(one.share, end) for one in shown])
    rest = len(output.features) - len(shown)
    moved = moved_features(output, drift)
    slopes = [_slope(one, end, y, y_now, moved=one in moved) for one, y, y_now in zip(shown, then, now, strict=True)]
    return SlopeChart(
        anchor=anchor,
        title=f"Share of all attributions by feature, reference and window, output {clean(output.label)}",
        finding=" ".join((plain(moved_sentence(output, drift)), *(_in_words(one) for one in shown))),
        slopes=tuple(sorted(slopes, key=lambda slope: bool(slope.state))),       # what moved lies on top
        end=f"{100 * end:g} %",
        note=f"{some(rest, 'more feature', 'more features')} in the table." if rest else "",
    )


def _upper(feature: FeatureDrift) -> float:
    change = feature.share_change
    most = feature.share if change is None else feature.reference_share + change.high
    return max(feature.share, feature.reference_share, min(most, 1.0))


def _y(share: float, end: float) -> float:
    return _BOTTOM - min(max(share / end, 0.0), 1.0) * (_BOTTOM - _TOP)


def _slope(feature: FeatureDrift, end: float, then_y: float, now_y: float, *, moved: bool) -> Slope:
    y, y_now, change = _y(feature.reference_share, end), _y(feature.share, end), feature.share_change
    bar = ""
    if change is not None:
        low, high = (feature.reference_share + limit for limit in (change.low, change.high))
        bar = f"M{_RIGHT:g} {coordinate(_y(high, end))}V{coordinate(_y(low, end))}"
    mark = triangle if moved else circle
    return Slope(
        state="violation" if moved else "",
        line=f"M{_LEFT:g} {coordinate(y)}L{_RIGHT:g} {coordinate(y_now)}",
        bar=bar,
        leaders=f"M{_LEFT - 5:g} {coordinate(y)}l-6 {coordinate(then_y - y)}M{_RIGHT + 6:g} {coordinate(y_now)}l6 "
        f"{coordinate(now_y - y_now)}",
        marks=circle(_LEFT, y, 3.2) + mark(_RIGHT, y_now, 3.2),
        then=numbers.percent(feature.reference_share),
        now=numbers.percent(feature.share),
        label=clean(feature.feature, longest=_LONGEST_LABEL),
        then_y=coordinate(then_y + 4),
        now_y=coordinate(now_y + 4),
    )


def _spread(wanted: Sequence[float]) -> list[float]:
    """Heights of labels as near to the wanted ones as 14 units between neighbours allow, inside the drawing."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    free = _TOP - 8.0
    for i in order:
        placed[i] = max(wanted[i], free)
        free = placed[i] + _CLOSEST
    floor = _BOTTOM + 12.0
    for i in reversed(order):
        placed[i] = min(placed[i], floor)
        floor = placed[i] - _CLOSEST
    return placed


# --- words ------------------------------------------------------------------------------------------------------------


def level_of_test(drift: AttributionDrift) -> float:
    """The level of each of the three tests of one output."""
    return drift.level / TESTS / max(len(drift.outputs), 1)


def moved_features(output: OutputDrift, drift: AttributionDrift) -> tuple[FeatureDrift, ...]:
    """Features whose change is rarer than chance may be and large enough to count; the largest change first."""
    level = level_of_test(drift)
    found = [one for one in output.features if one.material and one.p is not None and one.p <= level]
    return tuple(sorted(found, key=lambda one: -abs(one.share - one.reference_share)))


def moved_sentence(output: OutputDrift, drift: AttributionDrift, *, when: str = "") -> Sentence:
    """Which features moved, by name; where none did, what that means. ``when``: such as `` in the window of 3 Nov``."""
    moved = moved_features(output, drift)
    n = some(len(output.features), "feature", "features")
    if not any(one.p is not None for one in output.features):
        return say(f"None of {n} was tested{when}: there are no rows of both sides to compare.")
    if not moved and status_of(output.findings, "decision") is Status.VIOLATION:
        return say(f"No single one of {n} has moved beyond chance{when}; taken together they have.")
    if not moved:
        return say(f"None of {n} is seen to have moved{when}.")
    named: list[Part | str] = []
    for i, one in enumerate(moved[:MOST_NAMED]):
        last = i == min(len(moved), MOST_NAMED) - 1 and len(moved) <= MOST_NAMED
        named += [" and " if last and i else ", " if i else "", name(clean(one.feature))]
    more = f" and {len(moved) - MOST_NAMED} more" if len(moved) > MOST_NAMED else ""
    verb = "has" if len(moved) == 1 else "have"
    return say(f"Of {n}, ", strong(f"{len(moved)} {verb} moved"), f"{when}: ", *named, more, ".")


def changed_words(output: OutputDrift, drift: AttributionDrift) -> tuple[Sentence, ...]:
    """The features that moved, each with its shares and its size, the largest change first."""
    return tuple(
        say(strong("Moved"), ": ", name(clean(one.feature)),
            f", {numbers.percent(one.reference_share)} of all attributions then and {numbers.percent(one.share)} now"
            f"{_size(one)}.")
        for one in moved_features(output, drift)[:MOST_NAMED]
    )  # fmt: skip


def _size(feature: FeatureDrift) -> str:
    if feature.ratio is None:
        return ", none in the reference"
    limits = feature.ratio_interval
    held = "" if limits is None else f", 95 % interval {numbers.interval(limits)}"
    return f" ({numbers.decimal(feature.ratio)} times as large{held})"


def words_of_tests(output: OutputDrift, drift: AttributionDrift) -> tuple[Sentence, ...]:
    """The three tests of one output, each with what it saw, what chance does, and whether that counts as rare."""
    level = level_of_test(drift)
    return (_order(output, level), _shares(output, level), _single(output, level))


def _order(output: OutputDrift, level: float) -> Sentence:
    usual = "" if output.ndcg_threshold is None else f"; rows drawn alike reach {_ndcg(output.ndcg_threshold)} at least"
    value = _ndcg(output.ndcg)
    return say(
        strong("Order of the features."), f" nDCG is {value}{usual}. ", _rarity(output.p_ndcg, level),
        f" The service's fixed threshold is {SERVICE_THRESHOLD}; nDCG alone sees no change that keeps the order.",
    )  # fmt: skip


def _ndcg(value: float) -> str:
    """Three decimals, more where these would make it 1 that is less: nDCG lies near 1 and is read from there."""
    decimals = numbers.CARD_DECIMALS
    while value < 1 and round(value, decimals) == 1 and decimals < 8:
        decimals += 1
    return numbers.decimal(value, decimals)


def _shares(output: OutputDrift, level: float) -> Sentence:
    usual = "" if output.share_threshold is None else (
        f"; rows drawn alike differ by up to {numbers.percent(output.share_threshold)}"
    )
    return say(
        strong("Shares."), f" {numbers.percent(output.share_distance)} of all attributions lie with other features than"
        f" in the reference{usual}. ", _rarity(output.p_share, level),
    )  # fmt: skip


def _single(output: OutputDrift, level: float) -> Sentence:
    tested = [one for one in output.features if one.p is not None]
    if not tested:
        return say(strong("Single features."), " ", _rarity(None, level))
    first = min(tested, key=lambda one: (one.p or 0.0, -abs(one.share - one.reference_share)))
    return say(
        strong("Single features."), " The clearest change is that of ", name(clean(first.feature)),
        f", {numbers.percent(first.reference_share)} then and {numbers.percent(first.share)} now. ",
        _rarity(first.p, level, "all features counted"), _not_material(first, level),
    )  # fmt: skip


def _not_material(feature: FeatureDrift, level: float) -> str:
    rare = feature.p is not None and feature.p <= level
    return " The change is too small to count." if rare and not feature.material else ""


def _rarity(p: float | None, level: float, what: str = "") -> str:
    """A p-value as how often random splits of the rows go as far, and against how often that may be."""
    if p is None:
        return "It was not tested: chance cannot be told from change without the rows of both sides."
    counted = f", {what}" if what else ""
    rare = "rarer than" if p <= level else "not rarer than"
    return f"Random splits of the rows go as far {_times(p)}{counted}: {rare} the {_times(level)} that count."


def _times(p: float) -> str:
    """``4 in 1,000 times``, ``4 in 100,000 times``: two digits at least where it is rare."""
    for of in (1_000, 10_000, 100_000):
        if p * of >= 1:
            return f"{numbers.count(round(p * of))} in {numbers.count(of)} times"
    return "less than once in 100,000 times"


def _in_words(feature: FeatureDrift) -> str:
    shares = f"{numbers.percent(feature.reference_share)} to {numbers.percent(feature.share)}"
    change = feature.share_change
    if change is None:
        return f"{clean(feature.feature)}: {shares}."
    points = f"{numbers.decimal(100 * change.low, 1)} to {numbers.decimal(100 * change.high, 1)} points"
    return f"{clean(feature.feature)}: {shares} (95 % interval of the change {points})."
