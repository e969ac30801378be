"""A document to a value: every Problem is collected before one ConfigError is raised; tolerances are noticed."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from clarify.config.analysis import DEFAULT_SEED, MAX_SEED, AnalysisConfig
from clarify.config.analysis_shape import ANALYSIS
from clarify.config.checks import cross_field_problems
from clarify.config.coerce import coerce
from clarify.config.json_text import ROOT, Path, canonical, field_path, has, nulls, read_json, value_at
from clarify.config.shape_problems import validated
from clarify.config.support import ensure_runnable, model_problems, notices_without_effect, unsupported
from clarify.errors import ConfigError, Problem
from clarify.results import Notice

__all__ = ["ParsedConfig", "ensure_runnable", "model_problems", "parse_analysis_config", "unsupported"]

MOST_PROBLEMS = 100


@dataclass(frozen=True)
class ParsedConfig:
    """A valid config, what the reader should know of how it was read, and the digest of what was written.

    ``digest`` is SHA-256 over the document's canonical JSON, before any tolerance; ``seed`` is the seed to use:
    the one given to the parser, else the document's, else 0.
    """

    config: AnalysisConfig
    notices: tuple[Notice, ...]
    digest: str
    seed: int = DEFAULT_SEED


def parse_analysis_config(document: bytes | str, *, seed: int | None = None) -> ParsedConfig:
    """Read an analysis_config.json.

    Parameters
    ----------
    document : bytes or str
        JSON text, UTF-8.
    seed : int or None
        Wins over ``methods.shap.seed``.

    Raises
    ------
    ConfigError
        With every problem found. Whether this version can run the config is another question:
        ``unsupported`` and ``model_problems``.

    Examples
    --------
    >>> text = '{"dataset_type": "text/csv", "methods": {"shap": {}}, "facets": []}'
    >>> try:
    ...     parse_analysis_config(text)
    ... except ConfigError as error:
    ...     print(error.problems[0].code, error.problems[0].field, error.problems[0].hint)
    CFG-UNKNOWN-KEY facets did you mean facet?
    """
    written, problems = read_json(document)
    mended, coerced = coerce(written)
    config = _validated(mended, (*problems, *_null_problems(written, problems), *_seed_problems(seed)))
    config, chosen, overridden = _seeded(config, seed)
    notices = (*coerced, *notices_without_effect(config), *overridden)
    return ParsedConfig(config, notices, hashlib.sha256(canonical(written)).hexdigest(), chosen)


def _validated(mended: Any, known: tuple[Problem, ...]) -> AnalysisConfig:
    """The config, or one error with the known problems, those of single keys and those of keys together."""
    config, wrong = validated(mended, ANALYSIS)
    if config is None:
        told = {problem.field for problem in known}
        known = (*known, *(problem for problem in wrong.values() if problem.field not in told))
        raise ConfigError(*_few((*known, *_problems_of_the_rest(mended, known))))
    ConfigError.collect(_few((*known, *_unexplained(cross_field_problems(config), known))))
    return config


def _problems_of_the_rest(mended: Any, known: Sequence[Problem]) -> Iterator[Problem]:
    """What the keys mean together once those that are wrong by themselves are put aside."""
    rest = copy.deepcopy(mended)
    config, wrong = validated(rest, ANALYSIS)
    while config is None and _put_aside(rest, wrong):
        config, wrong = validated(rest, ANALYSIS)
    if config is not None:
        yield from _unexplained(cross_field_problems(config), known)


def _put_aside(rest: Any, wrong: Iterable[Path]) -> bool:
    """Remove wrong keys, a whole list for one of its items, an object for a key it lacks; whether any was removed."""
    removed = False
    for path in wrong:
        inside_list = next((position for position, part in enumerate(path) if isinstance(part, int)), len(path))
        whole = path[:inside_list]
        whole = whole if has(rest, whole) else whole[:-1]
        if whole and has(rest, whole):
            del value_at(rest, whole[:-1])[whole[-1]]
            removed = True
    return removed


def _unexplained(problems: Iterable[Problem], known: Sequence[Problem]) -> Iterator[Problem]:
    """Problems that a known one has not told already: a misspelt key also looks missing."""
    misspelt = any(problem.code == "CFG-UNKNOWN-KEY" for problem in known)
    for problem in problems:
        told = any(_within(other.field, problem.field) or _within(problem.field, other.field) for other in known)
        if not told and not (misspelt and problem.code in ("CFG-MISSING", "CFG-METHODS-EMPTY")):
            yield problem


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _null_problems(written: Any, known: Sequence[Problem]) -> Iterator[Problem]:
    """Nulls: AWS refuses them everywhere but in baseline cells, and so do we; left out means left out."""
    told = {problem.field for problem in known}
    for path in nulls(written):
        in_baseline = path[:3] == ("methods", "shap", "baseline") and len(path) > 3
        if not in_baseline and field_path(path) not in told:
            yield Problem("CFG-TYPE", field_path(path), "null", "a value", "leave the key out")


def _seed_problems(seed: int | None) -> Iterator[Problem]:
    if seed is not None and not 0 <= seed <= MAX_SEED:
        yield Problem("CFG-VALUE", "--seed", str(seed), f"0 to {MAX_SEED:,}", "choose a seed that is not negative")


def _seeded(config: AnalysisConfig, seed: int | None) -> tuple[AnalysisConfig, int, tuple[Notice, ...]]:
    shap = config.methods.shap
    written = shap.seed if shap is not None else None
    if shap is None or seed is None or seed == written:
        return config, next((choice for choice in (seed, written) if choice is not None), DEFAULT_SEED), ()
    methods = config.methods.model_copy(update={"shap": shap.model_copy(update={"seed": seed})})
    message = f"{written} gives way to the seed {seed} given beside it"
    notices = () if written is None else (Notice("CFG-SEED-OVERRIDDEN", "methods.shap.seed", message),)
    return config.model_copy(update={"methods": methods}), seed, notices


def _few(problems: Sequence[Problem]) -> Sequence[Problem]:
    """The first hundred: a hostile document must not write a novel into the log."""
    if len(problems) <= MOST_PROBLEMS:
        return problems
    rest = len(problems) - MOST_PROBLEMS
    more = Problem("CFG-MORE", ROOT, f"{rest:,} more problems", "none", "mend the problems above, then run again")
    return (*problems[:MOST_PROBLEMS], more)

