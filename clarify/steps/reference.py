"""The reference of a monitor, as it is stored: our folder, or one of AWS's own documents."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass

from clarify.data import storage
from clarify.drift.constraints import BiasReference, load_document, read_aws_analysis, with_edited_values
from clarify.errors import ConstraintsError, DataError, Problem, StorageError
from clarify.report.encoding import dump, from_plain, load, to_plain
from clarify.results import Notice

CONSTRAINTS = "constraints.json"
ANALYSIS = "analysis.json"
TYPES = "types.json"
ATTRIBUTIONS = "attributions"
DATA_QUALITY = "data_quality"
MODEL_QUALITY = "model_quality"

CONSTRAINTS_VERSION = "1.0"


@dataclass(frozen=True)
class PartRecord:
    """One other file of the folder, and SHA-256 of its bytes when the reference was written."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Constraints:
    """What our ``constraints.json`` holds.

    ``analysis_sha256``: of the ``extended.json`` that all of it comes from; ``bias``: None without bias metrics.
    """

    config_digest: str
    dataset_digest: str
    analysis_sha256: str
    bias: BiasReference | None = None
    parts: tuple[PartRecord, ...] = ()


@dataclass(frozen=True)
class Reference:
    """What live windows are compared with, and where the parts are that other readers open.

    ``attributions_uri``, ``data_quality_uri``, ``model_quality_uri``: folders, as ``clarify constraints suggest``
    writes them, or the folder of AWS's own ``constraints.json``; without local attributions ``attributions_uri`` is
    the ``analysis.json`` that has global SHAP values. ``analysis_uri``: AWS's ``analysis.json``. ``types_uri``: how
    the columns of the reference were read. ``digest``: SHA-256 over every file as it is now.
    """

    uri: str
    digest: str
    bias: BiasReference | None = None
    analysis_uri: str | None = None
    attributions_uri: str | None = None
    data_quality_uri: str | None = None
    model_quality_uri: str | None = None
    types_uri: str | None = None
    notices: tuple[Notice, ...] = ()


def constraints_document(constraints: Constraints) -> bytes:
    """``constraints.json``: strict JSON, the same bytes for the same analysis."""
    plain = to_plain(constraints)
    return dump({"version": CONSTRAINTS_VERSION, **plain} if isinstance(plain, dict) else plain)


def read_constraints(content: bytes) -> Constraints:
    """The value that :func:`constraints_document` wrote.

    Raises
    ------
    ConstraintsError
        When the bytes are not that document, or of another version.
    """
    try:
        plain = load(content, field=CONSTRAINTS)
        version = plain.pop("version", None)
        if version != CONSTRAINTS_VERSION:
            raise ConstraintsError(
                Problem("REF-VERSION", "version", str(version), CONSTRAINTS_VERSION, "suggest the constraints again")
            )
        return from_plain(Constraints, plain, field=CONSTRAINTS)
    except DataError as error:
        raise ConstraintsError(*error.problems) from error


def read_reference(uri: str) -> Reference:
    """The reference at a URI: our folder or its ``constraints.json``, or a document of AWS as it is.

    Of AWS's documents ``analysis.json`` (values of bias metrics and global SHAP values) and the ``constraints.json``
    of data and model quality are known, by what they hold.

    Files of our folder may be edited, as AWS's may: ``analysis.json`` to loosen or tighten the rule ``sagemaker``,
    the constraints of quality for what they are. The reference then says so; its digest is another one.

    Raises
    ------
    ConstraintsError
        REF-NOT-FOUND, REF-PART-MISSING, or what is wrong with the documents.
    StorageError
        When they cannot be read.
    """
    place = uri if uri.endswith(".json") else storage.join(uri, CONSTRAINTS)
    content = _bytes(place, uri)
    keys = frozenset(load_document(content))
    if "analysis_sha256" in keys:
        return _read_folder(place, content)
    return _read_aws_document(place, content, keys)


def _bytes(place: str, uri: str) -> bytes:
    try:
        return storage.read_bytes(place)
    except StorageError as error:
        if any(problem.code == "STORAGE-NOT-FOUND" for problem in error.problems):
            raise ConstraintsError(
                Problem("REF-NOT-FOUND", "reference", uri, f"a folder with {CONSTRAINTS}, or AWS's {ANALYSIS}",
                        "write one: clarify constraints suggest --from ANALYSIS --output FOLDER")
            ) from error
        raise


def _read_folder(place: str, content: bytes) -> Reference:
    constraints = read_constraints(content)
    folder = posixpath.dirname(storage.normalise(place))
    found = {part.path: _digest_of(folder, part.path) for part in constraints.parts}
    edited = [part.path for part in constraints.parts if found[part.path] != part.sha256]
    bias, paths = constraints.bias, frozenset(found)
    analysis_uri = storage.join(folder, ANALYSIS) if ANALYSIS in paths else None
    analysis = b"{}" if analysis_uri is None else storage.read_bytes(analysis_uri)
    if bias is not None and ANALYSIS in edited:
        bias = with_edited_values(bias, read_aws_analysis(analysis))
    return Reference(
        uri=folder,
        digest=_digest({CONSTRAINTS: hashlib.sha256(content).hexdigest(), **found}),
        bias=bias,
        analysis_uri=analysis_uri,
        attributions_uri=_folder_of(folder, ATTRIBUTIONS, paths)
        or (analysis_uri if "explanations" in load_document(analysis) else None),
        data_quality_uri=_folder_of(folder, DATA_QUALITY, paths),
        model_quality_uri=_folder_of(folder, MODEL_QUALITY, paths),
        types_uri=storage.join(folder, TYPES) if TYPES in paths else None,
        notices=tuple(
            Notice("REF-EDITED", path, "edited since it was suggested: what it says now is what counts")
            for path in edited
        ),
    )


def _digest_of(folder: str, path: str) -> str:
    try:
        return storage.digest(storage.join(folder, path))
    except StorageError as error:
        raise ConstraintsError(
            Problem("REF-PART-MISSING", "reference", storage.join(folder, path), f"every file that {CONSTRAINTS} lists",
                    "restore the file, or suggest the constraints again")
        ) from error


def _folder_of(folder: str, name: str, paths: frozenset[str]) -> str | None:
    return storage.join(folder, name) if any(path.startswith(f"{name}/") for path in paths) else None


def _read_aws_document(place: str, content: bytes, keys: frozenset[str]) -> Reference:
    place = storage.normalise(place)
    folder = posixpath.dirname(place)
    digest = _digest({posixpath.basename(place): hashlib.sha256(content).hexdigest(), **_beside(place, keys)})
    if "features" in keys:
        return Reference(place, digest, data_quality_uri=folder)
    if any(key.endswith("_constraints") for key in keys):
        return Reference(place, digest, model_quality_uri=folder)
    bias = read_aws_analysis(content)
    return Reference(
        uri=place,
        digest=digest,
        bias=bias if bias.series else None,
        analysis_uri=place,
        attributions_uri=place if "explanations" in keys else None,
    )


def _beside(place: str, keys: frozenset[str]) -> dict[str, str]:
    """AWS's statistics, which lie beside its constraints of quality."""
    statistics = storage.join(posixpath.dirname(place), "statistics.json")
    is_quality = "features" in keys or any(key.endswith("_constraints") for key in keys)
    return {"statistics.json": storage.digest(statistics)} if is_quality and storage.exists(statistics) else {}


def _digest(files: dict[str, str]) -> str:
    lines = (f"{path} {sha256}\n" for path, sha256 in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
