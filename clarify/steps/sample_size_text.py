"""The planner's answers in a few lines of plain words, and as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from clarify.errors import clip
from clarify.results import DetectableChange
from clarify.steps.sample_size import RateDesign, SampleSizeAnswer, SampleSizePlan, shown_range


def as_json(plan: SampleSizePlan) -> str:
    return json.dumps({"status": "planned", **asdict(plan)}, indent=2)


def as_text(plan: SampleSizePlan) -> str:
    return "\n".join(_lines(plan))


def _lines(plan: SampleSizePlan) -> Iterator[str]:
    for answer in plan.answers:
        yield _heading(plan, answer.design)
        yield from (f"  {line}" for line in _answer_lines(plan, answer))
        yield ""
    if not plan.answers:
        yield "Nothing to plan: no metric with an allowed range can be counted in these data.\n"
    yield from _assumptions(plan)
    for notice in plan.notices:
        yield f"Note: {notice.field}: {notice.message}  [{notice.code}]"


def _heading(plan: SampleSizePlan, design: RateDesign) -> str:
    group = "" if design.facet is None else f" of {clip(design.facet)}: {clip(design.group or '')}"
    effect = "" if plan.effect is None else f", true value {plan.effect:g}"
    return f"{design.metric}{group}{effect}, allowed {shown_range(design.low, design.high)}"


def _answer_lines(plan: SampleSizePlan, answer: SampleSizeAnswer) -> Iterator[str]:
    design = answer.design
    if design.rows_a is not None and design.rows_d is not None:
        yield f"{design.rows_a + design.rows_d:,} {design.counted}, {design.rows_d:,} of them in facet d"
    if plan.effect is None:
        yield from _smallest_lines(plan, answer.detectable)
    elif design.rate_a is None or design.share_d is None:
        yield "nobody is behind one of the two rates: no number of rows can be derived"
    elif not answer.needed:
        yield f"cannot happen: with facet a at {design.rate_a:.1%} no rate of facet d gives {plan.effect:g}"
    else:
        yield from _needed_lines(plan, answer)


def _smallest_lines(plan: SampleSizePlan, found: DetectableChange | None) -> Iterator[str]:
    if found is None:
        yield "nobody is behind one of the rates: nothing can be seen"
        return
    about = "about " if found.approximate else ""
    chance = f"with a chance of {plan.power:.0%}"
    sides = (("below", found.below, found.impossible_below), ("above", found.above, found.impossible_above))
    for side, value, is_impossible in sides:
        if value is not None:
            yield f"{side} the range: {about}{value:.4g} or beyond is called a VIOLATION {chance}"
        elif is_impossible:
            yield f"{side} the range: cannot happen with facet a as it is, or is allowed"
        else:
            yield f"{side} the range: cannot be seen {chance}, however far out"


def _needed_lines(plan: SampleSizePlan, answer: SampleSizeAnswer) -> Iterator[str]:
    design = answer.design
    yield f"facet a at {design.rate_a:.1%}, facet d {design.share_d:.1%} of the {design.counted}"
    for one in answer.needed:
        rows = "more than 10^12" if one.rows is None else f"{one.rows:,}"
        of_them = "" if one.rows_d is None else f", {one.rows_d:,} of them in facet d"
        yield f"facet d at {one.rate_d:.1%}: {rows} {design.counted}{of_them}"
    most = answer.most_needed
    if most is not None and most.rows is not None:
        whole = "" if design.rows_per_row is None else f", in about {most.rows / design.rows_per_row:,.0f} rows of data"
        yield f"needed for a chance of {plan.power:.0%} to be called a VIOLATION: {most.rows:,}{whole}"
    for expected in answer.expected:
        yield f"chance with the rows there are, facet d at {expected.rate_d:.1%}: {expected.power:.1%}"


def _assumptions(plan: SampleSizePlan) -> Iterator[str]:
    shared = "" if plan.tests == 1 else f", shared by {plan.tests} tests (each at {plan.level / plan.tests:.2g})"
    yield f"Assumes independent rows, facet a's rate as given, and verdicts at level {plan.level:g}{shared}."
    yield "A VIOLATION is a whole interval outside the range; rows of the same person count once."
