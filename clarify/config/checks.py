"""What the keys of an analysis_config.json mean together: which need each other, which exclude each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from clarify.config.analysis import (
    POST_TRAINING_METRICS,
    PRE_TRAINING_METRICS,
    AnalysisConfig,
    BiasMethods,
    Shap,
    TimeSeriesData,
)
from clarify.config.columns import (
    DOCUMENTS,
    TABLES,
    by_column,
    closest,
    column_name,
    did_you_mean,
    feature_columns,
    listed,
)
from clarify.config.dataset_checks import document_checks, side_table_checks, stated_columns
from clarify.config.json_text import shown
from clarify.config.template_checks import template_checks
from clarify.errors import Problem

__all__ = ["CHECKS", "DOCUMENTS", "TABLES", "cross_field_problems", "missing_column", "missing_columns", "references"]


def cross_field_problems(config: AnalysisConfig) -> Iterator[Problem]:
    """Everything that is wrong although each key by itself is right."""
    for check in CHECKS:
        yield from check(config)


def _methods(config: AnalysisConfig) -> Iterator[Problem]:
    if not config.bias_requested and not config.explanations_requested:
        named = [name for name in type(config.methods).model_fields if getattr(config.methods, name) is not None]
        yield Problem(
            "CFG-METHODS-EMPTY", "methods", f"only {listed(named)}" if named else "{}",
            "at least one of pre_training_bias, post_training_bias, shap",
            'name what to measure: "methods": {"pre_training_bias": {"methods": "all"}}',
        )


def _bias(config: AnalysisConfig) -> Iterator[Problem]:
    if not config.bias_requested:
        return
    if config.label is None:
        yield _missing("label", "the column of the observed label", 'add "label": "<column>"')
    if config.label_values_or_threshold is None:
        yield _missing(
            "label_values_or_threshold", "the values of the positive outcome, or one threshold",
            'add "label_values_or_threshold": [1]. AWS answers: '
            "Positive label values or thresholds are empty for Label column",
        )
    if config.facet is None:
        yield _missing("facet", "at least one facet", 'add "facet": [{"name_or_index": "<column>"}]')


def _missing(field: str, allowed: str, hint: str) -> Problem:
    return Problem("CFG-MISSING", field, "nothing, with bias metrics requested", allowed, hint)


def _metric_names(config: AnalysisConfig) -> Iterator[Problem]:
    methods = config.methods
    yield from _unknown_metrics("pre_training", methods.pre_training_bias, PRE_TRAINING_METRICS)
    yield from _unknown_metrics("post_training", methods.post_training_bias, POST_TRAINING_METRICS)


def _unknown_metrics(stage: str, requested: BiasMethods | None, known: tuple[str, ...]) -> Iterator[Problem]:
    if requested is None or requested.methods == "all":
        return
    for position, name in enumerate(requested.methods):
        if name not in known:
            registered = f"Invalid metric_name: metrics should be one of the registered metrics{list(known)}"
            yield Problem(
                "CFG-METRIC-UNKNOWN", f"methods.{stage}_bias.methods[{position}]", shown(name),
                f'"all" alone, or names of {", ".join(known)}',
                f"{_metric_hint(stage, name, known)}. AWS answers: {registered}",
            )


def _metric_hint(stage: str, name: str, known: tuple[str, ...]) -> str:
    other = "post_training" if stage == "pre_training" else "pre_training"
    if name in (*PRE_TRAINING_METRICS, *POST_TRAINING_METRICS):
        return f"{name} belongs under methods.{other}_bias"
    return did_you_mean(name, known, "remove the name")


def _facets(config: AnalysisConfig) -> Iterator[Problem]:
    seen: dict[str | int, list[frozenset[str] | None]] = {}
    for position, facet in enumerate(config.facets):
        field = f"facet[{position}]"
        values = facet.value_or_threshold
        yield from _repeated(f"{field}.value_or_threshold", values or ())
        key = _same_column(config, facet.name_or_index, _facet_headers(config))
        group = None if values is None else frozenset(shown(value) for value in values)
        earlier = seen.setdefault(key, [])
        if group in earlier or (earlier and (group is None or None in earlier)):
            yield Problem(
                "CFG-FACET-DUPLICATE", field, f"column {shown(facet.name_or_index)} again",
                "each group of a column once",
                "remove one of the two; a facet without values already compares every value",
            )
        earlier.append(group)
    yield from _repeated("label_values_or_threshold", config.label_values_or_threshold or ())


def _repeated(field: str, values: Sequence[object]) -> Iterator[Problem]:
    written = [shown(value) for value in values]
    if len(set(written)) < len(written):
        yield Problem("CFG-VALUE", field, f"[{', '.join(written)}]", "each value once", "remove the repeated value")


def _same_column(config: AnalysisConfig, reference: str | int, headers: Sequence[str] | None = None) -> str | int:
    """Name and position of one column count as the same when the headers tell."""
    headers = headers if headers is not None else config.headers
    return (column_name(reference, headers) if headers else None) or reference


def _facet_headers(config: AnalysisConfig) -> Sequence[str] | None:
    """The columns that a facet's position counts, when the config names them."""
    return config.headers if config.facet_dataset_uri is None else config.facet_headers or ()


def _headers(config: AnalysisConfig) -> Iterator[Problem]:
    for field in ("headers", "facet_headers", "predicted_label_headers"):
        headers = getattr(config, field) or ()
        for position, name in enumerate(headers):
            if name in headers[:position]:
                yield Problem(
                    "CFG-HEADER-DUPLICATE", f"{field}[{position}]", shown(name), "each column name once",
                    "rename one of the two columns",
                )


def references(config: AnalysisConfig) -> Iterator[tuple[str, str | int, str]]:
    """Every column of the dataset that the config names: field path, reference, AWS's words when it is missing."""
    by_path = config.dataset_type in DOCUMENTS
    if config.label is not None and not by_path:
        yield "label", config.label, "Headers must contain label."
    if config.predicted_label is not None and config.predicted_label_dataset_uri is None and not by_path:
        yield "predicted_label", config.predicted_label, ""
    if config.facet_dataset_uri is None:
        for position, facet in enumerate(config.facets):
            yield f"facet[{position}].name_or_index", facet.name_or_index, "Unable to locate the facet."
    if config.group_variable is not None:
        yield "group_variable", config.group_variable, ""
    if config.joinsource_name_or_index is not None:
        yield "joinsource_name_or_index", config.joinsource_name_or_index, ""
    for position, reference in enumerate(config.excluded_columns or ()):
        yield f"excluded_columns[{position}]", reference, ""
    for position, reference in enumerate(config.methods.shap.features_to_explain or () if config.methods.shap else ()):
        yield f"methods.shap.features_to_explain[{position}]", reference, ""
    for position, reference in enumerate(config.methods.pdp.features or () if config.methods.pdp else ()):
        yield f"methods.pdp.features[{position}]", reference, ""


def missing_columns(config: AnalysisConfig, columns: Sequence[str], *, code: str) -> Iterator[Problem]:
    """The columns that the config names and the dataset does not have, each with the name most like it."""
    for field, reference, told in references(config):
        if column_name(reference, columns) is None:
            yield missing_column(field, reference, columns, told=told, code=code)


def missing_column(field: str, reference: str | int, columns: Sequence[str], *, told: str, code: str) -> Problem:
    """A column that is named and not there, with the name most like it and what AWS says."""
    if isinstance(reference, int):
        allowed, hint = f"0 to {len(columns) - 1}", "count the columns from 0, or name the column"
    else:
        near = closest(reference, columns)
        allowed = f"a column of the dataset: {listed(columns)}"
        hint = f"did you mean {near!r}?" if near else "name an existing column"
    return Problem(code, field, shown(reference), allowed, f"{hint} AWS answers: {told}" if told else hint)


def _columns(config: AnalysisConfig) -> Iterator[Problem]:
    columns = stated_columns(config)
    if columns is not None:
        yield from missing_columns(config, columns, code="CFG-COLUMN-UNKNOWN")


def _labels(config: AnalysisConfig) -> Iterator[Problem]:
    if config.label is None or config.predicted_label is None or config.predicted_label_dataset_uri is not None:
        return
    if _same_column(config, config.label) == _same_column(config, config.predicted_label):
        yield Problem(
            "CFG-CONFLICT", "predicted_label", shown(config.predicted_label), "another column than label",
            "name the column of the predictions, or leave the key out to have the model asked",
        )


def _shap(config: AnalysisConfig) -> Iterator[Problem]:
    shap = config.methods.shap
    if shap is None:
        return
    if shap.baseline is not None and shap.num_clusters is not None:
        yield Problem(
            "CFG-CONFLICT", "methods.shap.num_clusters", f"{shap.num_clusters}, beside a baseline",
            "either baseline or num_clusters", "remove num_clusters to keep the baseline you gave",
        )
    yield from _features_to_explain(config, shap)
    if config.dataset_type in TABLES:
        yield from _baseline_rows(config, shap)


def _features_to_explain(config: AnalysisConfig, shap: Shap) -> Iterator[Problem]:
    field = "methods.shap.features_to_explain"
    chosen = shap.features_to_explain or ()
    if chosen and (shap.text_config is not None or shap.image_config is not None):
        yield Problem("CFG-CONFLICT", field, shown(chosen), "no text_config or image_config beside it",
                      "remove the key")
    yield from _features_only(config, field, chosen)


def _features_only(config: AnalysisConfig, field: str, chosen: Sequence[str | int]) -> Iterator[Problem]:
    yield from _repeated(field, [_same_column(config, reference) for reference in chosen])
    named = by_column(config, config.headers or ())
    labels = {_same_column(config, label) for label in (named.label, named.predicted_label) if label is not None}
    for position, reference in enumerate(chosen):
        if _same_column(config, reference) in labels:
            yield Problem(
                "CFG-CONFLICT", f"{field}[{position}]", shown(reference), "features only",
                "label and predicted label are not features: remove the name",
            )


def _baseline_rows(config: AnalysisConfig, shap: Shap) -> Iterator[Problem]:
    rows = shap.baseline
    if rows is None or isinstance(rows, str):
        return
    if isinstance(rows, dict):
        yield Problem("CFG-TYPE", "methods.shap.baseline", "an object", "a list of rows, or a URI",
                      "write each row as a list of values")
        return
    expected = _baseline_width(config, rows[0])
    for position, row in enumerate(rows):
        field = f"methods.shap.baseline[{position}]"
        if isinstance(row, dict):
            yield Problem("CFG-TYPE", field, "an object", "a list of values", "write the row as a list of values")
        elif len(row) != expected:
            yield Problem(
                "CFG-BASELINE-SHAPE", field, f"{len(row)} values", _baseline_shape(config, expected),
                "one value per feature, in column order; label, predicted label and excluded columns "
                "do not belong in the baseline",
            )


def _baseline_width(config: AnalysisConfig, first: object) -> int:
    if config.headers:
        return len(feature_columns(config, config.headers))
    return len(first) if isinstance(first, tuple) else 0


def _baseline_shape(config: AnalysisConfig, expected: int) -> str:
    if not config.headers:
        return f"{expected} values, as in the first row"
    return f"{expected} values, for {listed(feature_columns(config, config.headers))}"


def _pdp(config: AnalysisConfig) -> Iterator[Problem]:
    pdp = config.methods.pdp
    if pdp is not None:
        yield from _features_only(config, "methods.pdp.features", pdp.features or ())
    if pdp is not None and pdp.features is None and config.methods.shap is None:
        yield Problem("CFG-MISSING", "methods.pdp.features", "nothing, without shap", "the features to vary",
                      "name the features, or request shap so that the top features are known")


def _predictor(config: AnalysisConfig) -> Iterator[Problem]:
    predictor = config.predictor
    if predictor is None or predictor.endpoint_name is None:
        return
    for key, hint in (
        ("model_name", "remove one of the two; AWS's service would use endpoint_name"),
        ("endpoint_name_prefix", "remove the prefix: it names endpoints that are made for the analysis"),
    ):
        if getattr(predictor, key) is not None:
            yield Problem("CFG-CONFLICT", f"predictor.{key}", shown(getattr(predictor, key)),
                          "no endpoint_name beside it", hint)


def _time_series(config: AnalysisConfig) -> Iterator[Problem]:
    series, method = config.time_series_data_config, config.methods.asymmetric_shapley_value
    if series is not None:
        yield from _series(config, series)
    if method is None:
        return
    field = "methods.asymmetric_shapley_value"
    if series is None:
        yield Problem("CFG-MISSING", "time_series_data_config", f"nothing, beside {field}", "where the series sit",
                      "add the key, or remove the method")
    if (method.granularity == "fine_grained") != (method.num_samples is not None):
        yield Problem("CFG-CONFLICT", f"{field}.num_samples", shown(method.num_samples),
                      "a number with granularity fine_grained, and only with it",
                      "add num_samples, or choose timewise without it")
    if method.granularity == "fine_grained" and method.direction != "chronological":
        yield Problem("CFG-CONFLICT", f"{field}.direction", shown(method.direction),
                      "chronological with granularity fine_grained", "change one of the two")


def _series(config: AnalysisConfig, series: TimeSeriesData) -> Iterator[Problem]:
    field = "time_series_data_config"
    if config.dataset_type != "application/json":
        yield Problem("CFG-CONFLICT", field, f"beside {config.dataset_type}", "application/json",
                      "write the series as JSON")
    if config.bias_requested:
        yield Problem("CFG-CONFLICT", field, "beside bias metrics", "asymmetric_shapley_value alone",
                      "ask for bias in an analysis of its own")
    places = (series.target_time_series, series.item_id, series.timestamp,
              *(series.related_time_series or ()), *(series.static_covariates or ()))
    if len({type(place) for place in places}) > 1:
        yield Problem("CFG-CONFLICT", field, "names and positions", "all names or all positions", "choose one kind")
    elif isinstance(places[0], str) != (series.dataset_format is not None):
        yield Problem("CFG-CONFLICT", f"{field}.dataset_format", shown(series.dataset_format),
                      "columns, item_records or timestamp_records with names; nothing with positions",
                      "add or remove the key")


CHECKS: tuple[Callable[[AnalysisConfig], Iterator[Problem]], ...] = (
    _methods, _bias, _metric_names, _facets, _headers, _columns, _labels, _shap, _pdp, _predictor, document_checks,
    side_table_checks, _time_series, template_checks,
)
