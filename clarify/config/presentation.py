"""What a page may show to those who will read it: names or numbers, and how small a count."""

from __future__ import annotations

from dataclasses import dataclass

from clarify.errors import ConfigError, Problem

LEAST_SUPPRESSED = 3
MOST_SUPPRESSED = 1_000


@dataclass(frozen=True)
class Presentation:
    """How much the pages and views of one analysis show; documents for machines are never touched.

    ``mask_names``: facets, groups, features, labels, model and data appear under numbers ("feature 07").
    ``suppress_below``: no count from 1 up to this one, exclusive, can be read off or worked out; 0 shows all, and 1
    and 2 are refused, because a count that is neither 0 nor 2 or more is 1.
    ``individual_rows``: single rows are drawn and explained.
    """

    mask_names: bool = False
    suppress_below: int = 0
    individual_rows: bool = True

    def __post_init__(self) -> None:
        if self.suppress_below != 0 and not LEAST_SUPPRESSED <= self.suppress_below <= MOST_SUPPRESSED:
            raise ConfigError(
                Problem("CFG-SUPPRESS", "suppress_below", str(self.suppress_below),
                        f"0, or {LEAST_SUPPRESSED} to {MOST_SUPPRESSED:,}",
                        "0 shows every count; 10 is usual where rows are people")
            )  # fmt: skip

    @property
    def shields(self) -> bool:
        """Whether readers of pages see less than there is: then full documents stay in the output folder."""
        return self.mask_names or self.hides_rows

    @property
    def hides_rows(self) -> bool:
        """Whether single rows stay undrawn: one row is fewer than any limit."""
        return not self.individual_rows or self.suppress_below > 0
