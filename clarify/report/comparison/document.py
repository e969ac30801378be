"""``comparison.json``: a comparison as strict JSON, and back."""

from __future__ import annotations

from clarify.compared import Comparison
from clarify.errors import DataError, Problem
from clarify.report.encoding import dump, from_plain, load, to_plain
from clarify.report.schema import COMPARISON_VERSION


def comparison_document(comparison: Comparison) -> bytes:
    """The whole comparison; the same two runs under the same names give the same bytes.

    Raises
    ------
    DataError
        If a number is NaN.
    """
    plain = to_plain(comparison, field="comparison")
    return dump({"version": COMPARISON_VERSION, **plain} if isinstance(plain, dict) else plain)


def read_comparison(content: bytes) -> Comparison:
    """What ``comparison_document`` wrote.

    Raises
    ------
    DataError
        DOC-VERSION for another version; if the bytes are not strict JSON or a field does not fit.
    """
    plain = load(content, field="comparison.json")
    version = plain.pop("version", None)
    if version != COMPARISON_VERSION:
        raise DataError(Problem("DOC-VERSION", "version", str(version), COMPARISON_VERSION, "compare the runs again"))
    return from_plain(Comparison, plain, field="comparison.json")
