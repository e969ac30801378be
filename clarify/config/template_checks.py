"""What ``predictor`` says of requests and answers and cannot mean: templates, paths, headers, class names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from clarify.config.analysis import AnalysisConfig, Predictor
from clarify.config.answer_paths import path_problems
from clarify.config.columns import closest, column_name, feature_columns, listed
from clarify.config.json_text import shown
from clarify.config.templates import (
    FEATURE_NAMES,
    FEATURES,
    FEATURES_KVP,
    LONGEST_TEMPLATE,
    RECORD,
    RECORDS,
    WORDS,
    Template,
    parse_template,
    template_text,
)
from clarify.errors import Problem

JSON, JSON_LINES, CSV = "application/json", "application/jsonlines", "text/csv"
TEXT_TYPES = (CSV, JSON_LINES, JSON)
CONTENT, RECORD_TEMPLATE = "predictor.content_template", "predictor.record_template"

LINES_EXAMPLE = 'for example "content_template": "{\\"features\\": $features}"'
JSON_EXAMPLE = (
    'for example "content_template": "{\\"instances\\": $records}" with '
    '"record_template": "{\\"features\\": $features}"'
)

_VISIBLE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
LONGEST_HEADER = 1024

_SAMPLES = {FEATURES: '["x",1]', FEATURE_NAMES: '["a","b"]', FEATURES_KVP: '{"a":"x","b":1}'}
_A_FEATURE = '["x"]'        # neither a key nor a piece of a string can be one


def content_type_of(config: AnalysisConfig) -> str | None:
    """The format of a request: the predictor's, else the dataset's own; None when neither can be sent."""
    stated = config.predictor.content_type if config.predictor is not None else None
    return stated or (config.dataset_type if config.dataset_type in TEXT_TYPES else None)


def template_checks(config: AnalysisConfig) -> Iterator[Problem]:
    """Everything that templates, paths, headers and class names of the predictor cannot mean."""
    predictor = config.predictor
    if predictor is None:
        return
    if config.time_series_data_config is None and predictor.time_series_predictor_config is None:
        yield from _templates(config, predictor)
        yield from path_problems("predictor.label", predictor.label)
        yield from path_problems("predictor.probability", predictor.probability)
    yield from _headers(predictor)
    yield from _label_headers(config, predictor)


def foreign_problems(config: AnalysisConfig) -> Iterator[Problem]:
    """What keeps an endpoint that is not ours from being asked; a model served here needs none of it."""
    predictor = config.predictor
    given = predictor is not None and predictor.content_template is not None
    if content_type_of(config) == JSON_LINES and not given:
        yield Problem("CFG-TEMPLATE", CONTENT, f"nothing, with {JSON_LINES}",
                      "a template with exactly one $features, as AWS requires",
                      f"{LINES_EXAMPLE}; or choose another predictor.content_type")
    if predictor is None or predictor.accept_type != CSV:
        return
    for key, place in (("label", predictor.label), ("probability", predictor.probability)):
        if isinstance(place, str) and not place.isdigit():
            yield Problem("CFG-CONFLICT", f"predictor.{key}", f"{shown(place)}, beside accept_type {CSV}",
                          "a column's position in the answer, from 0", "count the position, or accept JSON")


# --- templates --------------------------------------------------------------------------------------------------------


def _templates(config: AnalysisConfig, predictor: Predictor) -> Iterator[Problem]:
    content_type = content_type_of(config)
    given = predictor.content_template
    if given is None:
        if predictor.record_template is not None:
            yield Problem("CFG-MISSING", CONTENT, "nothing, beside record_template",
                          "a template with $record or $records", JSON_EXAMPLE)
        return
    if content_type not in (JSON, JSON_LINES):
        yield Problem("CFG-CONFLICT", CONTENT, f"beside {content_type or config.dataset_type}",
                      f"{JSON_LINES} or {JSON}",
                      f'add "content_type": "{JSON}" or "{JSON_LINES}", or remove the template')
        return
    too_long = tuple(_too_long(predictor))
    yield from too_long
    if too_long:
        return
    content = parse_template(template_text(given))
    if content_type == JSON_LINES:
        yield from _lines_template(content, predictor)
    else:
        yield from _json_templates(content, config, predictor)


def _too_long(predictor: Predictor) -> Iterator[Problem]:
    content = predictor.content_template or ""
    parts = [content] if isinstance(content, str) else [*content, *content.values()]
    for field, length in ((CONTENT, sum(map(len, parts))), (RECORD_TEMPLATE, len(predictor.record_template or ""))):
        if length > LONGEST_TEMPLATE:
            yield Problem("CFG-TEMPLATE", field, f"{length:,} characters", f"at most {LONGEST_TEMPLATE:,} characters",
                          "write the constant parts shorter")


def _lines_template(content: Template, predictor: Predictor) -> Iterator[Problem]:
    if predictor.record_template is not None:
        yield Problem("CFG-CONFLICT", RECORD_TEMPLATE, f"beside {JSON_LINES}", f"content_template alone, or {JSON}",
                      "put $features into content_template and remove record_template")
    found = (*_placeholders(CONTENT, content, (FEATURES, FEATURE_NAMES), ()),
             *_exactly_one(CONTENT, content, (FEATURES,), LINES_EXAMPLE))
    yield from found or _not_json(CONTENT, content.filled(_SAMPLES, _A_FEATURE))


def _json_templates(content: Template, config: AnalysisConfig, predictor: Predictor) -> Iterator[Problem]:
    found = [*_placeholders(CONTENT, content, (RECORD, RECORDS, FEATURE_NAMES), ()),
             *_exactly_one(CONTENT, content, (RECORD, RECORDS), JSON_EXAMPLE)]
    if predictor.record_template is None:
        yield from found
        yield Problem("CFG-MISSING", RECORD_TEMPLATE, "nothing, beside content_template",
                      "a template with $features, $features_kvp or a placeholder for each feature", JSON_EXAMPLE)
        return
    record = parse_template(predictor.record_template)
    found += _record_template(record, _feature_names(config))
    if found:
        yield from found
        return
    sample = record.filled(_SAMPLES, _A_FEATURE)
    wrong = tuple(_not_json(RECORD_TEMPLATE, sample))
    yield from wrong or _not_json(CONTENT, content.filled({**_SAMPLES, RECORD: sample, RECORDS: f"[{sample}]"}, ""))


def _record_template(record: Template, names: tuple[str, ...]) -> Iterator[Problem]:
    yield from _placeholders(RECORD_TEMPLATE, record, (FEATURES, FEATURE_NAMES, FEATURES_KVP), names)
    kinds = [word for word in (FEATURES, FEATURES_KVP) if record.count(word)]
    kinds += ["a feature"] if record.features else []
    written = ", ".join(kind if kind == "a feature" else f"${kind}" for kind in kinds)
    once = all(record.count(word) <= 1 for word in (FEATURES, FEATURES_KVP))
    if len(kinds) != 1 or not once:
        yield Problem(
            "CFG-TEMPLATE", RECORD_TEMPLATE, f"{written or 'no feature'}{'' if once else ', more than once'}",
            'exactly one $features, or exactly one $features_kvp, or placeholders such as "${Age}"', JSON_EXAMPLE,
        )
    elif record.count(FEATURE_NAMES) and kinds != [FEATURES]:
        yield Problem("CFG-TEMPLATE", RECORD_TEMPLATE, f"$feature_names beside {written}",
                      "$feature_names beside $features", "remove $feature_names: the names are in the record already")


def _placeholders(
    field: str, template: Template, words: tuple[str, ...], names: tuple[str, ...]
) -> Iterator[Problem]:
    """Placeholders that the template cannot hold; ``names`` are the features, where they are known."""
    allowed = ", ".join(f"${word}" for word in words)
    if template.lone_dollars:
        yield Problem("CFG-TEMPLATE", field, "a $ that begins no placeholder", allowed, "write $$ for a dollar sign")
    may_name = FEATURES_KVP in words
    for gap in dict.fromkeys(template.gaps):
        if gap.is_feature and may_name:
            if names and gap.name not in names:
                yield _unknown_feature(field, gap.name, names)
        elif gap.is_feature:
            yield Problem("CFG-TEMPLATE", field, f"${{{gap.name}}}", allowed,
                          "features have placeholders of their own in record_template only")
        elif gap.name not in words:
            yield Problem("CFG-TEMPLATE", field, f"${gap.name}", allowed, _word_hint(gap.name, words, names))


def _unknown_feature(field: str, name: str, names: tuple[str, ...]) -> Problem:
    near = closest(name, names)
    hint = f"did you mean {near!r}?" if near else "write $$ for a dollar sign that is not a placeholder"
    return Problem("CFG-TEMPLATE", field, f'"${{{name}}}"', f"a feature of headers: {listed(names)}", hint)


def _word_hint(name: str, words: tuple[str, ...], names: tuple[str, ...]) -> str:
    if name in (FEATURES, FEATURES_KVP) and RECORDS in words:
        return f"write $records here and ${name} in record_template"
    if name in (RECORD, RECORDS):
        return f"${name} belongs in content_template" if FEATURES_KVP in words else "each line holds $features"
    if name in names:
        return f'a feature is written with quotes and braces: "${{{name}}}"'
    near = closest(name, WORDS)
    return f"did you mean ${near}?" if near in words else "write $$ for a dollar sign that is not a placeholder"


def _exactly_one(field: str, template: Template, words: tuple[str, ...], example: str) -> Iterator[Problem]:
    count = sum(template.count(word) for word in words)
    if count != 1:
        either = " or ".join(f"${word}" for word in words)
        yield Problem("CFG-TEMPLATE", field, f"{either} {count} times", f"exactly one {either}", example)


def _not_json(field: str, filled: str) -> Iterator[Problem]:
    """A template whose gaps do not stand where JSON has a value: values enter as JSON and nowhere else."""
    try:
        json.loads(filled)
    except (ValueError, RecursionError):
        yield Problem("CFG-TEMPLATE", field, f"once filled in: {filled}", "JSON",
                      "placeholders such as $features stand for whole JSON values and take no quotes")


def _feature_names(config: AnalysisConfig) -> tuple[str, ...]:
    """The features' names when ``headers`` tell them; those of documents end with label and predicted label."""
    headers = config.headers or ()
    if config.features is None:
        return feature_columns(config, headers)
    n_labels = sum(place is not None for place in (config.label, config.predicted_label))
    excluded = {column_name(reference, headers) for reference in config.excluded_columns or ()}
    return tuple(name for name in headers[: len(headers) - n_labels] if name not in excluded)


# --- headers and class names ------------------------------------------------------------------------------------------


def _headers(predictor: Predictor) -> Iterator[Problem]:
    for key in ("custom_attributes", "target_model"):
        value = getattr(predictor, key)
        if value is not None and (len(value) > LONGEST_HEADER or not _VISIBLE.fullmatch(value)):
            yield Problem("CFG-VALUE", f"predictor.{key}", shown(value),
                          f"1 to {LONGEST_HEADER:,} visible ASCII characters",
                          "remove the others: it travels as an HTTP header")


def _label_headers(config: AnalysisConfig, predictor: Predictor) -> Iterator[Problem]:
    names = [str(name) for name in predictor.label_headers or ()]
    field = "predictor.label_headers"
    if len(set(names)) < len(names):
        yield Problem("CFG-VALUE", field, shown(names), "each class name once", "remove the repeated name")
    positive = config.label_values_or_threshold
    if len(names) < 2 or positive is None or not config.needs_predictions or predictor.label is not None:
        return
    if not {_class(name) for name in names} & {_class(value) for value in positive}:
        yield Problem(
            "CFG-CONFLICT", field, shown(names), f"class names that hold a positive label: {shown(list(positive))}",
            "write the values of the label column in the order of the scores: the largest names the predicted label",
        )


def _class(value: object) -> str | float:
    """Class values as compared: 1, "1" and 1.0 are one class."""
    try:
        return float(str(value))
    except ValueError:
        return str(value).lower() if isinstance(value, bool) else str(value)
