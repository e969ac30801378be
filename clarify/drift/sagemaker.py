"""The rule `sagemaker`, as the service ships it: farther from 0 than in the reference is a violation."""

from __future__ import annotations

import math

from clarify.records import RuleFinding, Status
from clarify.results import AwsValue, Reason


def compare_as_aws(current: AwsValue, reference: AwsValue | None, *, undefined: Reason | None = None) -> RuleFinding:
    """Hold AWS's value of a window against AWS's value of the reference.

    A violation if and only if ``abs(current) > abs(reference)``, whatever the metric's ideal: a disparate impact that
    falls from .18 to .08 is none. An infinite value is worse than any finite one, and as good as another infinite one.
    A value that is null on either side is not compared.

    Parameters
    ----------
    current : AwsValue
        Of the window.
    reference : AwsValue or None
        None: the reference does not have the metric.
    undefined : Reason or None
        Why the window's value is null.

    Notes
    -----
    AWS's documents describe other rules; this one is what three published runs show. How null is compared is not
    published: AWS's list of violations cannot say that something was not compared, ours does.

    Examples
    --------
    >>> compare_as_aws(AwsValue(-0.3), AwsValue(0.2)).text
    "Metric value -0.3 doesn't meet the baseline constraint requirement 0.2"
    """
    now, then = number_of(current), number_of(reference)
    if then is None:
        known = "no such metric in the reference" if reference is None else "null in the reference"
        text = f"{known}{_because(reference)}"
        return RuleFinding("sagemaker", Status.INCONCLUSIVE, Reason.NO_REFERENCE, text)
    if now is None:
        return RuleFinding(
            "sagemaker", Status.INCONCLUSIVE, undefined or Reason.NO_ROWS, f"null in the window{_because(current)}"
        )
    if abs(now) > abs(then):
        text = f"Metric value {_printed(now)} doesn't meet the baseline constraint requirement {_printed(then)}"
        return RuleFinding("sagemaker", Status.VIOLATION, Reason.DRIFT, text)
    return RuleFinding("sagemaker", Status.PASS, None, f"{_printed(now)} is no farther from 0 than {_printed(then)}")


def number_of(value: AwsValue | None) -> float | None:
    """AWS's value where there is one; what is not a number is none."""
    if value is None or value.value is None or math.isnan(value.value):
        return None
    return value.value


def _because(value: AwsValue | None) -> str:
    return "" if value is None or value.error is None else f": {value.error}"


def _printed(value: float) -> str:
    """As Python prints it, infinities as the documents do."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))
