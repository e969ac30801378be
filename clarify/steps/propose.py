"""A first config from the data and the model: gather facts, propose, check and write what was answered."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from clarify.config.parse import ensure_runnable, parse_analysis_config
from clarify.config.settings import CsvHeader
from clarify.data import storage
from clarify.data.profile import ColumnProfile, SourceProfile, merge_profiles, profile_head
from clarify.data.readings import ColumnFacts, aws_reading
from clarify.data.source import Source, open_source, read_source_file
from clarify.errors import ConfigError, Problem, clip
from clarify.proposal.column_words import facet_kind, label_word
from clarify.proposal.draft import Proposal
from clarify.proposal.draft import propose as propose_config
from clarify.proposal.evidence import Answers, ColumnFact, DatasetFacts, ModelFacts, quartiles
from clarify.proposal.replies import facet_answer
from clarify.steps.model_hints import model_facts

HEAD_ROWS = 100_000                      # as many as the dry run reads; importing it would double the start's time
PARQUET_ENDINGS = (".parquet", ".pq", ".parq")
CSV_ENDINGS = (".csv", ".csv.gz", ".tsv", ".txt", ".data", ".test")
JSON_LINES_ENDINGS = (".jsonl", ".jsonlines", ".ndjson")


@dataclass(frozen=True)
class InitRequest:
    """What ``clarify init`` was asked: data, model, where the config goes, and what the user said already.

    ``facets`` are as typed on the command line: ``COLUMN`` or ``COLUMN=VALUE,VALUE``.
    """

    dataset: str
    output: str
    model: str | None = None
    tracking_uri: str | None = None
    csv_header: CsvHeader = "guess"
    answers: Answers = field(default_factory=Answers)
    facets: tuple[str, ...] = ()
    force: bool = False


@dataclass(frozen=True)
class Groundwork:
    """The facts a proposal rests on, read once."""

    request: InitRequest
    profile: SourceProfile
    columns: tuple[ColumnFact, ...]
    model: ModelFacts | None
    dataset: DatasetFacts
    notes: tuple[str, ...]
    answers: Answers


def lay_groundwork(request: InitRequest) -> Groundwork:
    """Read the first rows of the data, and what MLflow keeps of the model.

    Raises
    ------
    ConfigError
        PROPOSE-EXISTS when the config is there already; PROPOSE-FORMAT for data that are no table; what pinning raises.
    DataError, StorageError
        When the data cannot be found or read.
    """
    _refuse_overwriting(request)
    source = open_source(request.dataset, dataset_type=dataset_type_of(request.dataset), csv_header=request.csv_header)
    head, whole = profile_head(source, HEAD_ROWS)
    profile = merge_profiles(replace(source, files=(head.file,)), [head])
    known = request.answers
    return Groundwork(
        request=request,
        profile=profile,
        columns=_column_facts(profile, known),
        model=model_facts(request.model, request.tracking_uri) if request.model is not None else None,
        dataset=DatasetFacts(source.uri, dataset_type_of(request.dataset), profile.rows, whole),
        notes=tuple(_notes(source, whole)),
        answers=replace(known, facets=tuple(facet_answer(text, source.column_names) for text in request.facets)),
    )


def propose(ground: Groundwork, answers: Answers) -> Proposal:
    """What can be proposed with the answers given so far.

    Raises
    ------
    ConfigError
        For answers that name what is not there.
    """
    return propose_config(ground.columns, ground.model, answers, ground.dataset, ground.notes)


def write_config(ground: Groundwork, proposal: Proposal) -> None:
    """Parse the config, resolve its values in the data that were read, and write it.

    Raises
    ------
    ConfigError, DataError
        When the config does not fit the data after all; nothing is written then.
    """
    from clarify.steps.validate_dataset import assign_roles  # brings along what an analysis needs

    document = proposal.document.encode()
    config = parse_analysis_config(document).config
    ensure_runnable(config)
    assign_roles(config, ground.profile)
    storage.write_bytes(ground.request.output, document)


def next_commands(ground: Groundwork) -> tuple[str, str]:
    """How to look at the config's reading of the data, and how to run it."""
    request, source = ground.request, ground.profile.source
    header = ["--csv-header", "present" if source.header_present else "absent"] if source.format == "csv" else []
    tracking = ["--tracking-uri", request.tracking_uri] if request.tracking_uri is not None else []
    validate = ["clarify", "validate", request.output, *header]
    analyze = ["clarify", "analyze", request.output, *header, "--output", "clarify-output", *tracking]
    return shlex.join(validate), shlex.join(analyze)


def dataset_type_of(uri: str) -> str:
    """The format that the name of the first file says.

    Raises
    ------
    ConfigError
        PROPOSE-FORMAT when it says JSON or nothing.
    """
    files = [file.uri for file in storage.list_files(uri) if file.bytes] or [uri]
    name = files[0].lower()
    if name.endswith(PARQUET_ENDINGS):
        return "application/x-parquet"
    if name.endswith(CSV_ENDINGS):
        return "text/csv"
    is_json = name.endswith((".json", *JSON_LINES_ENDINGS))
    hint = "write the records as CSV or Parquet, or write the config by hand: where features and label sit in JSON" \
           " cannot be guessed" if is_json else "give the file the ending of its format"  # fmt: skip
    raise ConfigError(Problem("PROPOSE-FORMAT", "--dataset", files[0], "CSV or Parquet files", hint))


def _refuse_overwriting(request: InitRequest) -> None:
    if not request.force and storage.exists(request.output):
        hint = "name another file with --output, or add --force"
        raise ConfigError(Problem("PROPOSE-EXISTS", "--output", request.output, "a file that is not there yet", hint))


# --- facts ------------------------------------------------------------------------------------------------------------


def _column_facts(profile: SourceProfile, known: Answers) -> tuple[ColumnFact, ...]:
    facts = tuple(_fact(column, position) for position, column in enumerate(profile.columns))
    wanted = [fact.name for fact in facts if _needs_quartiles(fact, len(facts), known)]
    found = _quartiles_of_head(profile.source, wanted)
    return tuple(replace(fact, quartiles=found.get(fact.name, fact.quartiles)) for fact in facts)


def _fact(column: ColumnProfile, position: int) -> ColumnFact:
    known = ColumnFacts.of(column)
    values = None
    if known.values is not None and known.counts is not None:
        values = tuple(zip(known.values, known.counts, strict=True))
    is_number = column.kind in ("int", "float")
    return ColumnFact(
        summary=known.summary,
        position=position,
        values=values,
        uniqueness=known.uniqueness,
        continuous=aws_reading(known, ()) == "continuous",
        quartiles=quartiles(values) if values is not None and is_number else None,
    )


def _needs_quartiles(fact: ColumnFact, n_columns: int, known: Answers) -> bool:
    """Columns of too many values to have been counted, which may be asked for a threshold."""
    may_be_label = fact.name == known.label or label_word(fact.name) is not None or fact.position in (0, n_columns - 1)
    return fact.is_number and fact.values is None and (may_be_label or facet_kind(fact.name) is not None)


def _quartiles_of_head(source: Source, names: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Quartiles over the rows of the head, for a few columns: 8 bytes a row and column are held."""
    if not names:
        return {}
    parts: dict[str, list[pa.Array]] = {name: [] for name in names}
    rows = 0
    for batch in read_source_file(source, source.files[0]):
        if rows >= HEAD_ROWS:
            break
        for name in names:
            parts[name].append(pc.cast(_bare(batch.column(name)), pa.float64(), safe=False))
        rows += batch.num_rows
    return {name: _three(pa.chunked_array(chunks, pa.float64())) for name, chunks in parts.items()}


def _bare(values: pa.Array) -> pa.Array:
    """Texts of numbers without what Arrow's cast does not take: spaces and a plus sign."""
    if not pa.types.is_string(values.type):
        return values
    return pc.replace_substring_regex(pc.ascii_trim_whitespace(values), r"^\+", "")


def _three(values: pa.ChunkedArray) -> tuple[float, float, float]:
    low, middle, high = pc.quantile(values, q=[0.25, 0.5, 0.75], interpolation="lower").to_pylist()
    return low, middle, high


def _notes(source: Source, whole: bool) -> Iterator[str]:
    if not whole:
        yield f"only the first {HEAD_ROWS:,} rows were read: values and types of the whole data may differ"
    yield from (clip(notice.message, 300) for notice in source.notices)
