"""What a model answered in captured traffic: predicted labels as words, and scores, by the rules of AWS's monitors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from clarify.config.analysis import Value
from clarify.config.input_attributes import InputAttributes, Place
from clarify.data.batch_transform import OUTPUT
from clarify.data.payloads import Payload, UnreadablePayload, decode, lines_of
from clarify.endpoints.answers import read_csv_answer, read_json_answer
from clarify.endpoints.base import Answer
from clarify.endpoints.selection import arg_max_labels, class_key
from clarify.errors import BadPrediction, DataError, Problem

POSITIVE, NEGATIVE = "1", "0"


@dataclass(frozen=True)
class Answers:
    """What was answered for each row: a word or None; scores (rows, k) with NaN for missing ones, None for no scores.

    ``unusable``: requests whose answer cannot be read, and why; their rows are not among the others.
    """

    words: tuple[str | None, ...]
    scores: NDArray[np.float64] | None
    unusable: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Predicted:
    """Predicted labels as words, and the score of the positive outcome; None where a model gives no scores."""

    words: tuple[str | None, ...]
    scores: NDArray[np.float64] | None

    def at(self, places: Sequence[int]) -> Predicted:
        """Some of the rows."""
        scores = None if self.scores is None else self.scores[np.asarray(places, dtype=np.int64)]
        return Predicted(tuple(self.words[place] for place in places), scores)


def read_answers(answered: Sequence[Payload | None], sizes: Sequence[int], attributes: InputAttributes) -> Answers:
    """Labels and scores of every record; ``sizes`` says how many records each request has.

    Raises
    ------
    DataError
        WINDOW-SCORES when some rows have another number of scores than others.
    """
    whole = _all_at_once(answered, sizes, attributes)
    if whole is not None:
        return _joined([whole], [sum(sizes)], {})
    found: list[Answer | None] = []
    kept_sizes: list[int] = []
    unusable: dict[int, str] = {}
    for place, (payload, size) in enumerate(zip(answered, sizes, strict=True)):
        try:
            found.append(None if payload is None else _read(payload, size, attributes))
            kept_sizes.append(size)
        except (BadPrediction, UnreadablePayload) as error:
            unusable[place] = " ".join(str(error).split())
    return _joined(found, kept_sizes, unusable)


def predict_from(
    answers: Answers, attributes: InputAttributes, *, listed: Sequence[Value], labels: Collection[str]
) -> Predicted:
    """The predicted label of each row: the one that was answered, else the one that its scores say.

    A single score is held against the threshold, of several the largest names the class.

    Parameters
    ----------
    listed : values of the positive outcome in the config
    labels : the different labels of the window, so that predictions are spelled alike

    Raises
    ------
    DataError
        WINDOW-LABEL-HEADERS when there are not as many classes as scores.
    """
    scores = answers.scores
    words = answers.words
    if scores is not None and attributes.inference is None and all(word is None for word in words):
        words = _words_of(scores, attributes, outcome_words(listed, labels))
    return Predicted(words, None if scores is None else _positive_scores(scores, attributes.label_headers, listed))


def outcome_words(listed: Sequence[Value], labels: Collection[str]) -> tuple[str, str]:
    """What a score above the threshold predicts, and any other: 1 and 0 as in AWS, or as the labels spell the two.

    >>> outcome_words([1], {"0", "1"}), outcome_words(["good"], {"bad", "good"}), outcome_words([1], {"1", "2"})
    (('1', '0'), ('good', 'bad'), ('1', '2'))
    """
    by_key = {class_key(label): label for label in sorted(labels, reverse=True)}
    if set(by_key) <= {POSITIVE, NEGATIVE}:
        usual = ("true", "false") if any(label.lower() in ("true", "false") for label in labels) else (
            POSITIVE, NEGATIVE)
        if by_key or not _is_word(listed):
            return by_key.get(POSITIVE, usual[0]), by_key.get(NEGATIVE, usual[1])
    wanted = {class_key(spelled(value)) for value in listed}
    positive = sorted(label for key, label in by_key.items() if key in wanted)
    others = sorted((label for key, label in by_key.items() if key not in wanted), key=_by_size)
    if not positive and not _is_word(listed):
        return POSITIVE, NEGATIVE
    return positive[0] if positive else spelled(listed[0]), others[0] if others else NEGATIVE


def spelled(value: Any) -> str:
    """A value of a config as data spell it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_word(listed: Sequence[Value]) -> bool:
    return bool(listed) and isinstance(listed[0], str) and _by_size(listed[0])[0]


def _by_size(word: str) -> tuple[bool, float, str]:
    try:
        return False, float(word), word
    except ValueError:
        return True, 0.0, word


# --- reading ----------------------------------------------------------------------------------------------------------


def _all_at_once(
    answered: Sequence[Payload | None], sizes: Sequence[int], attributes: InputAttributes
) -> Answer | None:
    """All answers as one, where each is plain CSV with a line for every record: a hundred times as fast."""
    label, probability = attributes.inference, attributes.probability
    if isinstance(label, str) or isinstance(probability, str):
        return None
    lines: list[str] = []
    for payload, size in zip(answered, sizes, strict=True):
        if payload is None or payload.encoding != "CSV" or not isinstance(payload.data, str):
            return None
        own = lines_of(payload.data)
        if len(own) != size or '"' in payload.data or "[" in payload.data:
            return None
        lines += own
    try:
        return read_csv_answer("\n".join(lines).encode(), len(lines), label=label, probability=probability,
                               label_holds_scores=False) if lines else None
    except BadPrediction:
        return None                                  # one of them: found when each is read by itself


def _read(payload: Payload, size: int, attributes: InputAttributes) -> Answer:
    label, probability = attributes.inference, attributes.probability
    if payload.encoding == "VALUE":
        nested = any(isinstance(place, str) and place.startswith(OUTPUT) for place in (label, probability))
        value = {OUTPUT: payload.data} if nested else payload.data
        return read_json_answer(orjson.dumps(value), size, label=label, probability=probability,
                                label_holds_scores=False)
    text = decode(payload)
    if text.format == "json":
        return read_json_answer(text.text.encode(), size, label=label, probability=probability,
                                label_holds_scores=False)
    return read_csv_answer(text.text.encode(), size, label=_position(label), probability=_position(probability),
                           label_holds_scores=False)


def _position(place: Place) -> int | None:
    if isinstance(place, str):
        raise UnreadablePayload(f"an answer of CSV, where {place!r} is to be found: name a position from 0")
    return place


def _joined(found: Sequence[Answer | None], sizes: Sequence[int], unusable: dict[int, str]) -> Answers:
    words: list[str | None] = []
    for answer, size in zip(found, sizes, strict=True):
        own = None if answer is None else answer.labels
        words += [None] * size if own is None else [word or None for word in own]
    widths = sorted({answer.scores.shape[1] for answer in found if answer is not None and answer.scores is not None})
    if len(widths) > 1:
        raise DataError(
            Problem("WINDOW-SCORES", "window", f"rows with {' and '.join(map(str, widths))} scores",
                    "as many scores in each answer", "capture one model in one monitor, or set probability_attribute")
        )
    if not widths:
        return Answers(tuple(words), None, unusable)
    missing = [np.full((size, widths[0]), np.nan) for size in sizes]
    parts = [gap if answer is None or answer.scores is None else answer.scores
             for answer, gap in zip(found, missing, strict=True)]
    return Answers(tuple(words), np.concatenate(parts), unusable)


# --- scores to words --------------------------------------------------------------------------------------------------


def _words_of(
    scores: NDArray[np.float64], attributes: InputAttributes, outcome: tuple[str, str]
) -> tuple[str | None, ...]:
    k, headers = scores.shape[1], attributes.label_headers
    if k > 1 and headers:
        _check_headers(headers, k)
        return tuple(word or None for word in arg_max_labels(scores, headers))
    if k > 2:
        return tuple(word or None for word in arg_max_labels(scores, [str(i) for i in range(k)]))
    last = scores[:, k - 1]
    above, known = (last > attributes.threshold).tolist(), np.isfinite(last).tolist()
    return tuple((outcome[0] if up else outcome[1]) if there else None for up, there in zip(above, known, strict=True))


def _check_headers(headers: Sequence[str], k: int) -> None:
    if len(headers) != k:
        raise DataError(
            Problem("WINDOW-LABEL-HEADERS", "predictor.label_headers", f"{len(headers)} classes for {k} scores",
                    "one class for each score, in their order", "correct label_headers or probability_attribute")
        )


def _positive_scores(
    scores: NDArray[np.float64], headers: Sequence[str], listed: Sequence[Value]
) -> NDArray[np.float64]:
    """The score of the positive outcome: that of its classes together, the second of two, else the largest."""
    k = scores.shape[1]
    if k == 1:
        return scores[:, 0]
    wanted = {class_key(spelled(value)) for value in listed}
    named = [place for place, name in enumerate(headers) if class_key(name) in wanted] if len(headers) == k else []
    if 0 < len(named) < k:
        return np.asarray(scores[:, named].sum(axis=1))
    return scores[:, 1] if k == 2 else np.asarray(scores.max(axis=1))
