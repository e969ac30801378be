"""What the rules of monitors promise, and what was measured of those that promise nothing."""

from __future__ import annotations

from clarify.records import Kind, Rule

MEASURED: dict[Kind, dict[Rule, str]] = {
    "bias-drift": {
        "decision": (
            "Raises on average at most as many false alarms a month as it is allowed, over all series together;"
            " measured at a budget of one in 30 windows: 0.01 and less."
        ),
        "bootstrap_overlap": (
            "Alarms where the window's own 95 % interval leaves the range; measured with nothing changed: 1.2 to 1.8"
            " false alarms of a series in 30 windows."
        ),
        "sagemaker": (
            "Compares two numbers and counts no noise; measured with nothing changed: 15 false alarms of a series in"
            " 30 windows, every other one."
        ),
    },
    "attribution-drift": {
        "decision": "Three tests calibrated on the rows themselves, at a level of false alarms a month over windows.",
        "sagemaker": (
            "Alarms where nDCG is below 0.90. In simulation it raised no false alarm, and saw reversals of the order"
            " and little else: most other changes leave nDCG near 1."
        ),
    },
    "data-quality": {
        "decision": "Distances are held to what chance does at this number of rows, all features counted.",
        "sagemaker": (
            "A fixed distance: in simulation 1 to 7 false alarms in 100 windows of 100 rows, and a change of 5 rows in"
            " 100 not seen in windows of 1,000."
        ),
    },
    "model-quality": {
        "decision": (
            "A violation only where the interval lies wholly beyond the threshold, all metrics and groups counted."
        ),
        "sagemaker": (
            "Compares two numbers and counts no noise: where a threshold is the reference's own value, measured with"
            " nothing changed, one of all metrics lies beyond it in four of five windows."
        ),
    },
}
