"""AnalysisConfig: AWS's analysis_config.json, key for key, as a frozen value.

The classes say what each key may hold by itself. What keys mean together is in ``checks.py``; what is
understood but not built is in ``support.py``; reading a document, with every problem at once, is in ``parse.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, JsonValue

from clarify.config.parts import Part, Text, lower

MAX_NUM_SAMPLES = 10_000_000
MAX_SEED = 2**63 - 1
DEFAULT_SEED = 0

# Sorted as analysis.json sorts them.
PRE_TRAINING_METRICS = ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
POST_TRAINING_METRICS = (
    "AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE",
)

DatasetType = Annotated[
    Literal[
        "text/csv",
        "application/x-parquet",
        "application/jsonlines",
        "application/json",
        "application/x-image",
        "application/sagemakercapturejson",
    ],
    BeforeValidator(lower),
]
ContentType = Annotated[
    Literal[
        "text/csv", "application/jsonlines", "application/json", "image/jpeg", "image/png", "application/x-npy"
    ],
    BeforeValidator(lower),
]
AcceptType = Annotated[Literal["text/csv", "application/jsonlines", "application/json"], BeforeValidator(lower)]
AggregationMethod = Annotated[Literal["mean_abs", "median", "mean_sq"], BeforeValidator(lower)]

Index = Annotated[int, Field(ge=0)]
NameOrIndex = Text | Index
Value = bool | int | float | str
Cell = bool | int | float | str | None
Count = Annotated[int, Field(ge=1)]


class Facet(Part):
    """A column and the group of people in it whose treatment is measured: facet d; all others are facet a.

    Notes
    -----
    AWS's page calls the listed values the group that bias favours. Its library and its service treat them as
    facet d; so do we.
    """

    name_or_index: NameOrIndex
    """Column that holds the facet, by name or by position from 0."""
    value_or_threshold: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    """Values of facet d, or one threshold that facet d lies above; leave out to compare each value with the rest."""


class Segment(Part):
    """A slicing of the rows by the values or intervals of one column."""

    name_or_index: NameOrIndex
    segments: Annotated[tuple[tuple[Text | int, ...], ...], Field(min_length=1)]
    config_name: str | None = None
    display_aliases: tuple[str, ...] | None = None


class TimeSeriesData(Part):
    """Where item, time and series sit in a time series dataset: all by JMESPath, or all by position."""

    target_time_series: NameOrIndex
    item_id: NameOrIndex
    timestamp: NameOrIndex
    related_time_series: tuple[NameOrIndex, ...] | None = None
    static_covariates: tuple[NameOrIndex, ...] | None = None
    dataset_format: (
        Annotated[Literal["columns", "item_records", "timestamp_records"], BeforeValidator(lower)] | None
    ) = None


class BiasMethods(Part):
    """Which metrics of one stage to compute."""

    methods: Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)]
    """\"all\", or a list of metric names."""


class TextConfig(Part):
    """How text features are cut into units. ``language`` is one of about 60 names or codes, not checked here."""

    granularity: Annotated[Literal["token", "sentence", "paragraph"], BeforeValidator(lower)]
    language: Text
    max_top_tokens: Count = 50


class ImageDebug(Part):
    """Which images of an image job to look at."""

    image_names: tuple[str, ...] | None = None
    class_ids: tuple[int, ...] | None = None
    sample_from: int | None = None
    sample_to: int | None = None


class ImageConfig(Part):
    """How images are cut into segments."""

    model_type: (
        Annotated[
            Literal["IMAGE_CLASSIFICATION", "OBJECT_DETECTION"],
            BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
        ]
        | None
    ) = None
    num_segments: Count = 20
    segment_compactness: float = 5
    feature_extraction_method: str = "segmentation"
    max_objects: Count = 3
    iou_threshold: float = 0.5
    context: float = 1.0
    debug: ImageDebug | None = None


InlineRow = tuple[Cell, ...] | dict[str, JsonValue]


class Shap(Part):
    """Kernel SHAP: what the scores are compared with, how much is spent, how rows are summarised."""

    baseline: Text | Annotated[tuple[InlineRow, ...], Field(min_length=1)] | dict[str, JsonValue] | None = None
    """Rows of feature columns only, or the URI of a file with such rows; leave out to have it computed."""
    num_clusters: Count | None = None
    """Rows of a computed baseline; not together with baseline."""
    num_samples: Annotated[int, Field(ge=1, le=MAX_NUM_SAMPLES)] | None = None
    """Coalitions per explained row; each costs one prediction per baseline row."""
    agg_method: AggregationMethod = "mean_abs"
    """How attributions of single rows become one number per feature."""
    use_logit: bool = False
    """Explain log-odds instead of scores."""
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    """Seed of the coalition design."""
    save_local_shap_values: bool = False
    """Write the attributions of every row."""
    features_to_explain: Annotated[tuple[NameOrIndex, ...], Field(min_length=1)] | None = None
    """Features that get attributions of their own; the others are explained together."""
    text_config: TextConfig | None = None
    image_config: ImageConfig | None = None


class PartialDependence(Part):
    """Mean prediction as one feature takes each value of a grid."""

    grid_resolution: Count
    """Points per feature."""
    features: Annotated[tuple[NameOrIndex, ...], Field(min_length=1)] | None = None
    top_k_features: Count | None = None


class Report(Part):
    """Name of the report's files and the title on its first page."""

    # The name becomes a file name beside analysis.json: one path segment, no hidden file.
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}$")]
    """File name without ending."""
    title: Annotated[str, Field(min_length=1)] = "Analysis Report"


class AsymmetricBaseline(Part):
    """What a time series looks like when it says nothing."""

    target_time_series: Literal["zero", "mean"] = "zero"
    related_time_series: Literal["zero", "mean"] | None = None
    static_covariates: dict[str, tuple[Cell, ...]] | None = None


class AsymmetricShapleyValue(Part):
    """Attributions of a forecast to points in time."""

    direction: Annotated[Literal["chronological", "anti_chronological", "bidirectional"], BeforeValidator(lower)]
    granularity: Annotated[Literal["timewise", "fine_grained"], BeforeValidator(lower)]
    num_samples: Annotated[int, Field(ge=1, le=MAX_NUM_SAMPLES)] | None = None
    baseline: Text | AsymmetricBaseline | None = None


class Methods(Part):
    """What to compute."""

    pre_training_bias: BiasMethods | None = None
    """Bias in the labels."""
    post_training_bias: BiasMethods | None = None
    """Bias in the predicted labels."""
    shap: Shap | None = None
    pdp: PartialDependence | None = None
    report: Report | None = None
    asymmetric_shapley_value: AsymmetricShapleyValue | None = None


class TimeSeriesPredictor(Part):
    """Where the forecast sits in the model's answer."""

    forecast: Text


class Predictor(Part):
    """The model, how to speak to it and where its answer sits."""

    model_name: Text | None = None
    """Model to serve for the time of the analysis."""
    instance_type: Text | None = None
    initial_instance_count: Count | None = None
    endpoint_name: Text | None = None
    endpoint_name_prefix: Annotated[str, Field(max_length=23, pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$")] | None = None
    accelerator_type: Text | None = None
    target_model: Text | None = None
    custom_attributes: Annotated[str, Field(max_length=1024)] | None = None
    content_type: ContentType | None = None
    """Format of a request."""
    accept_type: AcceptType | None = None
    """Format of an answer; as content_type when left out."""
    content_template: Text | dict[str, str] | None = None
    record_template: Text | None = None
    label: NameOrIndex | None = None
    """Where the predicted label sits in an answer."""
    probability: NameOrIndex | None = None
    """Where the score or scores sit in an answer."""
    label_headers: Annotated[tuple[str | int, ...], Field(min_length=1)] | None = None
    """Class names in the order of the scores."""
    time_series_predictor_config: TimeSeriesPredictor | None = None


class AnalysisConfig(Part):
    """One analysis as the user wrote it; defaults are AWS's.

    Frozen, comparable and picklable. A key that was left out is None, except where AWS names a default;
    ``probability_threshold_given`` tells a stated 0.5 from a silent one.
    """

    version: Literal["1.0"] | None = None
    dataset_type: DatasetType
    """Format of the dataset."""
    dataset_uri: Text | None = None
    """File, or folder read recursively; wins over the one given to the command."""
    headers: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """Column names in order, when the files do not carry them."""
    label: NameOrIndex | None = None
    """Column of the observed label, by name or by position from 0."""
    predicted_label: NameOrIndex | None = None
    """Column of predictions made earlier; the model is then not asked for bias metrics."""
    features: Text | None = None
    label_values_or_threshold: Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    """Values of the positive outcome, or one threshold that it lies above."""
    probability_threshold: float = 0.5
    """Scores strictly above it are predicted positive."""
    facet: Annotated[tuple[Facet, ...], Field(min_length=1)] | None = None
    """Groups of people whose treatment is measured; analysed one by one."""
    group_variable: NameOrIndex | None = None
    """Column of strata for the conditional metrics CDDL and CDDPL."""
    facet_dataset_uri: Text | None = None
    facet_headers: tuple[Text, ...] | None = None
    predicted_label_dataset_uri: Text | None = None
    predicted_label_headers: tuple[Text, ...] | None = None
    joinsource_name_or_index: NameOrIndex | None = None
    excluded_columns: Annotated[tuple[NameOrIndex, ...], Field(min_length=1)] | None = None
    """Columns never sent to the model."""
    segment_config: tuple[Segment, ...] | None = None
    time_series_data_config: TimeSeriesData | None = None
    methods: Methods
    """What to compute."""
    predictor: Predictor | None = None
    """The model; needed for SHAP, and for post-training bias unless predictions are in the data."""

    @property
    def facets(self) -> tuple[Facet, ...]:
        """The facets, none when the key was left out."""
        return self.facet if self.facet is not None else ()

    @property
    def pre_training_metrics(self) -> tuple[str, ...]:
        """Names of the requested metrics on labels, sorted, each once."""
        return _names(self.methods.pre_training_bias, PRE_TRAINING_METRICS)

    @property
    def post_training_metrics(self) -> tuple[str, ...]:
        """Names of the requested metrics on predicted labels, sorted, each once."""
        return _names(self.methods.post_training_bias, POST_TRAINING_METRICS)

    @property
    def bias_requested(self) -> bool:
        return self.methods.pre_training_bias is not None or self.methods.post_training_bias is not None

    @property
    def explanations_requested(self) -> bool:
        """Whether any method asks the model about rows that are not in the data."""
        methods = self.methods
        return any(part is not None for part in (methods.shap, methods.pdp, methods.asymmetric_shapley_value))

    @property
    def needs_predictions(self) -> bool:
        """Whether post-training bias has to ask the model, because the data hold no predictions."""
        in_data = self.predicted_label is not None or self.predicted_label_dataset_uri is not None
        return self.methods.post_training_bias is not None and not in_data

    @property
    def needs_model(self) -> bool:
        return self.explanations_requested or self.needs_predictions

    @property
    def probability_threshold_given(self) -> bool:
        return "probability_threshold" in self.model_fields_set

    @property
    def report(self) -> Report:
        """Name and title of the report, AWS's defaults when the method was left out."""
        return self.methods.report or Report(name="report")


def _names(requested: BiasMethods | None, every: tuple[str, ...]) -> tuple[str, ...]:
    if requested is None:
        return ()
    return every if requested.methods == "all" else tuple(name for name in every if name in requested.methods)


def analysis_config_schema() -> dict[str, Any]:
    """JSON Schema of analysis_config.json, for editors that complete and check while one types.

    It holds what single keys may be, and says nothing of keys that need each other. Words that AWS compares
    without regard to case appear in one spelling.
    """
    schema = AnalysisConfig.model_json_schema()
    described: dict[str, Any] = _without_nulls(schema)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:clarify:analysis-config:1.0",
        **described,
        "title": "analysis_config.json",
    }


def _without_nulls(schema: Any) -> Any:
    """None means *left out* here; a written null is refused, as AWS refuses it. Baseline cells keep theirs."""
    if isinstance(schema, list):
        return [_without_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_nulls(item) for key, item in schema.items()}
    if "default" in kept and kept["default"] is None:
        del kept["default"]
        choices = [choice for choice in kept.pop("anyOf", []) if choice != {"type": "null"}]
        return {**kept, **(choices[0] if len(choices) == 1 else {"anyOf": choices})}
    return kept
