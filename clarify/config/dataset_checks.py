"""What the keys that say where the data lie mean together: paths into JSON, side tables and what joins them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clarify.config.analysis import AnalysisConfig
from clarify.config.columns import DOCUMENTS, closest, column_name, listed
from clarify.config.json_path import json_path
from clarify.config.json_text import shown
from clarify.errors import ConfigError, Problem

SIDES = (("facet_dataset_uri", "facet_headers"), ("predicted_label_dataset_uri", "predicted_label_headers"))
DEFAULT_PREDICTED_LABEL = "predicted_label"


def stated_columns(config: AnalysisConfig) -> tuple[str, ...] | None:
    """All columns of dataset and side tables; None when some of the headers are only in the files."""
    needed = ["headers", *(headers for uri, headers in SIDES if getattr(config, uri) is not None)]
    stated = [getattr(config, headers) for headers in needed]
    return None if None in stated else tuple(dict.fromkeys(name for names in stated for name in names))


def document_checks(config: AnalysisConfig) -> Iterator[Problem]:
    """JSON Lines and JSON: features, label and predicted label are JMESPath."""
    if config.dataset_type not in DOCUMENTS or config.time_series_data_config is not None:
        return
    if config.features is None:
        yield Problem("CFG-MISSING", "features", f"nothing, with {config.dataset_type}",
                      "the JMESPath of the features", 'add "features": "<path>"')
    for key in ("features", "label", "predicted_label"):
        path = getattr(config, key)
        if isinstance(path, int):
            yield Problem("CFG-TYPE", key, shown(path), f"a JMESPath, with {config.dataset_type}",
                          "write the path to the value, such as \"label\" or \"instances[*].label\"")
        elif path is not None:
            yield from _path_problems(key, path)
    yield from _too_few_headers(config)


def _path_problems(field: str, path: str) -> Iterator[Problem]:
    try:
        json_path(path)
    except ConfigError as error:
        yield from (Problem(p.code, field, p.received, p.allowed, p.hint) for p in error.problems)


def _too_few_headers(config: AnalysisConfig) -> Iterator[Problem]:
    labels = [key for key in ("label", "predicted_label") if getattr(config, key) is not None]
    if config.headers is not None and len(config.headers) <= len(labels):
        yield Problem(
            "CFG-HEADERS", "headers", f"{len(config.headers)} names", f"one per feature, then {' and '.join(labels)}",
            "name the features in their order, then the label, then the predicted label, as far as they are configured",
        )


def side_table_checks(config: AnalysisConfig) -> Iterator[Problem]:
    """Facets or predictions in tables of their own: CSV only, their columns known, names in one table only."""
    for uri, headers in SIDES:
        if getattr(config, uri) is None:
            if getattr(config, headers) is not None:
                yield Problem("CFG-MISSING", uri, f"nothing, beside {headers}", "the table that has these headers",
                              f"name the table, or remove {headers}")
        elif config.dataset_type != "text/csv":
            yield Problem("CFG-CONFLICT", uri, f"beside {config.dataset_type}", "text/csv",
                          "write dataset and side table as CSV, or put the columns into the dataset")
    if config.facet_dataset_uri is not None and config.facet_headers is not None:
        yield from _facets_of(config, config.facet_headers)
    if config.predicted_label_dataset_uri is not None and config.predicted_label_headers is not None:
        yield from _predicted_label_of(config, config.predicted_label_headers)
    yield from _join_column(config)
    yield from _shared_names(config)


def _facets_of(config: AnalysisConfig, headers: Sequence[str]) -> Iterator[Problem]:
    known = (*headers, *(config.headers or ()))
    for position, facet in enumerate(config.facets):
        reference = facet.name_or_index
        if isinstance(reference, str) and config.headers is None and reference not in headers:
            continue        # perhaps a column of the dataset itself
        if column_name(reference, headers if isinstance(reference, int) else known) is None:
            yield _unknown(f"facet[{position}].name_or_index", reference, "facet_headers", headers,
                           " AWS answers: Unable to locate the facet.")


def _predicted_label_of(config: AnalysisConfig, headers: Sequence[str]) -> Iterator[Problem]:
    reference = DEFAULT_PREDICTED_LABEL if config.predicted_label is None else config.predicted_label
    if column_name(reference, headers) is None:
        yield _unknown("predicted_label", reference, "predicted_label_headers", headers)


def _join_column(config: AnalysisConfig) -> Iterator[Problem]:
    key = config.joinsource_name_or_index
    if key is None:
        return
    if config.headers is not None:
        key = column_name(key, config.headers) or key
    for uri, field in SIDES:
        headers = getattr(config, field)
        if getattr(config, uri) is not None and headers is not None and column_name(key, headers) is None:
            yield _unknown("joinsource_name_or_index", key, field, headers,
                           "; without a key the tables are joined row by row")


def _shared_names(config: AnalysisConfig) -> Iterator[Problem]:
    """Two tables may share the join column only."""
    tables = [(field, getattr(config, field) or ()) for field in ("headers", *(headers for _, headers in SIDES))]
    for position, (field, names) in enumerate(tables):
        for other, others in tables[:position]:
            shared = [name for name in names if name in others and name not in _key_names(config)]
            if shared:
                yield Problem("CFG-HEADER-DUPLICATE", field, f"{listed(shared)}, as in {other}",
                              "names of its own, but for the join column", "rename the columns in one of the two")


def _key_names(config: AnalysisConfig) -> tuple[str, ...]:
    """What the join column may be called: a position counts in each table."""
    key = config.joinsource_name_or_index
    if key is None:
        return ()
    places = (config.headers, config.facet_headers, config.predicted_label_headers)
    return tuple(name for names in places if names and (name := column_name(key, names)) is not None)


def _unknown(field: str, reference: str | int, headers: str, names: Sequence[str], told: str = "") -> Problem:
    if isinstance(reference, int):
        return Problem("CFG-COLUMN-UNKNOWN", field, shown(reference), f"0 to {len(names) - 1} in {headers}",
                       f"count the columns from 0, or name the column{told}")
    near = closest(reference, names)
    hint = f"did you mean {near!r}?" if near else "name an existing column"
    return Problem("CFG-COLUMN-UNKNOWN", field, shown(reference), f"one of {headers}: {listed(names)}", hint + told)
