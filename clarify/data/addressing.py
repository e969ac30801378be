"""From what the config says of its data to files, tables joined to them, and columns known by their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from clarify.config.analysis import AnalysisConfig, Facet
from clarify.config.checks import missing_column
from clarify.config.columns import DOCUMENTS, by_column, column_name
from clarify.config.dataset_checks import DEFAULT_PREDICTED_LABEL
from clarify.data.csv_header import CsvHeader
from clarify.data.json_records import JsonPaths
from clarify.data.side_tables import Role, SideTable, open_side_table
from clarify.data.source import Source, open_source
from clarify.errors import ConfigError, DataError, Problem
from clarify.results import Notice

TOLD = "Unable to locate the facet."


def open_dataset(
    config: AnalysisConfig, uri: str, *, csv_header: CsvHeader = "guess"
) -> tuple[Source, AnalysisConfig]:
    """The data a config is about, and the config with label, predicted label and facets by column name.

    ``csv_header`` is said of the dataset and its side tables alike. Columns are those of the dataset, then those of
    the facet table, then those of the prediction table.

    Raises
    ------
    ConfigError
        CFG-MISSING when one of several files is to be joined without a key.
    DataError
        DATA-COLUMN-MISSING, DATA-DUPLICATE-COLUMN for a name that two tables share; and what opening raises.
    StorageError
        When something cannot be listed or read.
    """
    paths = _paths(config) if config.dataset_type in DOCUMENTS else None
    source = open_source(
        uri, dataset_type=config.dataset_type, headers=config.headers, csv_header=csv_header, paths=paths
    )
    for role, side_uri, headers in _sides(config):
        source = _with_side(source, config, role, side_uri, headers, csv_header)
    return source, addressed(config, source)


def addressed(config: AnalysisConfig, source: Source) -> AnalysisConfig:
    """The config with label, predicted label and facets by column name, and side columns kept from the model.

    Positions count the columns of the dataset, except those of facets and predictions that have a table of
    their own: these count there. Names may be those of any table.

    Raises
    ------
    DataError
        DATA-COLUMN-MISSING for every column of a joined dataset that is not there, or is the join column.
    """
    config = by_column(config, source.column_names)
    if not source.sides:
        return config
    DataError.collect(_missing(config, source))
    sides = {side.role: side for side in source.sides}
    facets = tuple(_named_facet(facet, sides.get("facet"), source) for facet in config.facets)
    joined = source.column_names[len(source.own_columns) :]
    return config.model_copy(
        update={
            "facet": facets or None,
            "predicted_label": _predicted_label(config, sides.get("predicted_label")),
            "excluded_columns": (*(config.excluded_columns or ()), *joined),
        }
    )


def _paths(config: AnalysisConfig) -> JsonPaths:
    """Positions were refused with the config."""
    label, predicted = config.label, config.predicted_label
    return JsonPaths(
        config.features or "",
        None if label is None else str(label),
        None if predicted is None else str(predicted),
    )


def _sides(config: AnalysisConfig) -> Iterator[tuple[Role, str, Sequence[str] | None]]:
    if config.facet_dataset_uri is not None:
        yield "facet", config.facet_dataset_uri, config.facet_headers
    if config.predicted_label_dataset_uri is not None:
        yield "predicted_label", config.predicted_label_dataset_uri, config.predicted_label_headers


def _with_side(
    source: Source, config: AnalysisConfig, role: Role, uri: str, headers: Sequence[str] | None, csv_header: CsvHeader
) -> Source:
    reference = config.joinsource_name_or_index
    key = None if reference is None else column_name(reference, source.own_columns)
    if reference is not None and key is None:
        raise DataError(_lost("joinsource_name_or_index", reference, source.own_columns))
    side, notices = open_side_table(role, uri, headers=headers, csv_header=csv_header, key=_key(reference, key))
    if key is None and (len(source.files) > 1 or len(side.files) > 1):
        raise ConfigError(_keyless(source, side))
    shared = [name for name in side.columns if name in source.column_names]
    if shared:
        raise DataError(_shared(shared, source, side))
    return replace(
        source,
        column_names=(*source.column_names, *side.columns),
        notices=(*source.notices, *notices, *_told(side)),
        sides=(*source.sides, side),
        key=key,
    )


def _key(reference: str | int | None, key: str | None) -> tuple[str | int, ...]:
    """What the join column may be called in a side table: as in the dataset, else a position counts there too."""
    return tuple(dict.fromkeys(found for found in (key, reference) if found is not None))


def _told(side: SideTable) -> tuple[Notice, ...]:
    how = "row by row" if side.key is None else f"by {side.key!r}"
    columns = ", ".join(repr(name) for name in side.columns)
    rows = "1 row" if side.rows == 1 else f"{side.rows:,} rows"
    return (Notice("DATA-JOINED", side.field, f"{columns} joined {how} from {rows} of {side.uri}"),)


def _named_facet(facet: Facet, side: SideTable | None, source: Source) -> Facet:
    columns = source.own_columns if side is None else side.all_columns
    return facet.model_copy(update={"name_or_index": column_name(facet.name_or_index, columns) or facet.name_or_index})


def _predicted_label(config: AnalysisConfig, side: SideTable | None) -> str | int | None:
    if side is None:
        return config.predicted_label
    reference = DEFAULT_PREDICTED_LABEL if config.predicted_label is None else config.predicted_label
    return column_name(reference, side.all_columns)


def _missing(config: AnalysisConfig, source: Source) -> Iterator[Problem]:
    """Every reference that leads nowhere in the table it counts in."""
    sides = {side.role: side for side in source.sides}
    facet_columns = sides["facet"].all_columns if "facet" in sides else source.own_columns
    for position, facet in enumerate(config.facets):
        columns = facet_columns if isinstance(facet.name_or_index, int) else source.column_names
        if column_name(facet.name_or_index, columns) in (None, source.key):
            yield _lost(f"facet[{position}].name_or_index", facet.name_or_index, columns, TOLD)
    if "predicted_label" in sides:
        yield from _missing_prediction(config, sides["predicted_label"])
    for field, reference in _of_the_dataset(config):
        if column_name(reference, source.own_columns) is None:
            yield _lost(field, reference, source.own_columns)
    for field, named in (("label", config.label), ("group_variable", config.group_variable)):
        columns = source.own_columns if isinstance(named, int) else source.column_names
        if named is not None and column_name(named, columns) is None:
            yield _lost(field, named, columns)


def _missing_prediction(config: AnalysisConfig, side: SideTable) -> Iterator[Problem]:
    reference = DEFAULT_PREDICTED_LABEL if config.predicted_label is None else config.predicted_label
    if column_name(reference, side.all_columns) in (None, side.key):
        yield _lost("predicted_label", reference, side.all_columns)


def _of_the_dataset(config: AnalysisConfig) -> Iterator[tuple[str, str | int]]:
    """References to columns of the dataset itself."""
    shap, pdp = config.methods.shap, config.methods.pdp
    lists = (
        ("methods.shap.features_to_explain", shap.features_to_explain if shap is not None else None),
        ("methods.pdp.features", pdp.features if pdp is not None else None),
    )
    for field, references in lists:
        for position, reference in enumerate(references or ()):
            yield f"{field}[{position}]", reference
    for position, reference in enumerate(config.excluded_columns or ()):
        if isinstance(reference, int):
            yield f"excluded_columns[{position}]", reference


def _lost(field: str, reference: str | int, columns: Sequence[str], told: str = "") -> Problem:
    return missing_column(field, reference, columns, told=told, code="DATA-COLUMN-MISSING")


def _keyless(source: Source, side: SideTable) -> Problem:
    received = f"nothing, with {len(source.files):,} files of the dataset and {len(side.files):,} of {side.field}"
    allowed = "the column that joins them, when one of them has several files"
    hint = 'add "joinsource_name_or_index": "<column>", a column that both have'
    return Problem("CFG-MISSING", "joinsource_name_or_index", received, allowed, hint)


def _shared(names: Sequence[str], source: Source, side: SideTable) -> Problem:
    received = f"{', '.join(map(repr, names))} in {side.uri} and in {source.uri} or what is joined to it"
    hint = f"rename the columns, with {side.role}_headers for instance; or name the column that joins the two"
    return Problem("DATA-DUPLICATE-COLUMN", side.field, received, "names that no other table has", hint)
