"""Deploy the simulated month's retraining, so that an automation can start it."""

from __future__ import annotations

import sys
from pathlib import Path

from prefect.flows import Flow

HERE = Path(__file__).resolve().parent


def main() -> int:
    flow = Flow.from_source(source=str(HERE), entrypoint="simulated/retraining.py:retrain")
    flow.deploy(name="month", work_pool_name="clarify-pool", job_variables={"env": {"PYTHONPATH": str(HERE)}},
                print_next_steps=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
