"""Which facets are to be crossed: by column name, a few at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from clarify.config.columns import closest, listed
from clarify.errors import Problem

FEWEST_FACETS, MOST_FACETS = 2, 4
MOST_CELLS = 1_000
FIELD = "--cross"


def cross_problems(cross: Sequence[Sequence[str]], facets: Sequence[str]) -> Iterator[Problem]:
    """CFG-CROSS for every request that cannot be met; ``facets`` are the columns of the config's facets."""
    names = tuple(dict.fromkeys(facets))
    earlier: list[frozenset[str]] = []
    for asked in cross:
        yield from _names(asked, names)
        if not FEWEST_FACETS <= len(asked) <= MOST_FACETS:
            yield _problem(asked, f"{FEWEST_FACETS} to {MOST_FACETS} facets at once",
                           "name two facets or more" if len(asked) < FEWEST_FACETS else "cross fewer facets")
        if frozenset(asked) in earlier:
            yield _problem(asked, "each combination of facets once", "remove the repetition; the order does not matter")
        earlier.append(frozenset(asked))


def _names(asked: Sequence[str], facets: Sequence[str]) -> Iterator[Problem]:
    for name in dict.fromkeys(asked):
        if name not in facets:
            near = closest(name, facets)
            hint = f"did you mean {near!r}?" if near else "name facets of the config by their column"
            yield _problem([name], f"columns of facets: {listed(facets)}", hint)
    if len(set(asked)) < len(asked):
        yield _problem(asked, "each facet once", "remove the repeated name")


def size_problems(cross: Sequence[Sequence[str]], groups: Mapping[str, int]) -> Iterator[Problem]:
    """CFG-CROSS for every request of more than a thousand cells; ``groups``: of each facet, the rest counted too."""
    for asked in cross:
        cells = math.prod(groups[name] for name in asked)
        if cells > MOST_CELLS:
            sizes = " x ".join(str(groups[name]) for name in asked)
            yield Problem("CFG-CROSS", FIELD, f"{','.join(asked)}: {sizes} = {cells:,} cells", f"{MOST_CELLS:,} cells",
                          "list fewer values of these facets in the config, or cross fewer of them")


def _problem(asked: Sequence[str], allowed: str, hint: str) -> Problem:
    return Problem("CFG-CROSS", FIELD, ",".join(asked) or "nothing", allowed, hint)
