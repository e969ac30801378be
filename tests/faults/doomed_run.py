"""An analysis that ends as the command line says: killed after a step, or in the middle of a pass over the rows.

    python doomed_run.py REQUEST after STEP
    python doomed_run.py REQUEST during STAGE
    python doomed_run.py REQUEST never
"""

import os
import pickle
import signal
import sys
from pathlib import Path

from clarify.steps.line import Progress, run_analysis


def main() -> None:
    request = pickle.loads(Path(sys.argv[1]).read_bytes())
    when, what = sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else ""

    def call(step, /, *args, **kwargs):
        result = step(*args, **kwargs)
        if when == "after" and step.__name__ == what:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    def report(progress: Progress) -> None:
        print(progress.stage, progress.rows_done, flush=True)
        if when == "during" and progress.stage == what:
            os.kill(os.getpid(), signal.SIGKILL)

    run_analysis(request, call=call, report=report)


if __name__ == "__main__":
    main()
