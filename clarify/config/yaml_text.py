"""YAML or JSON text to plain values, stricter than ``yaml.safe_load``: no repeated keys, few aliases, bounded size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import yaml

from clarify.config.json_text import Path, field_path, read_json
from clarify.errors import ConfigError, Problem, clip

MAX_BYTES: Final = 256 * 1024            # of a document people write by hand; reading so much takes about two seconds
MAX_DEPTH: Final = 16
MOST_ALIASES: Final = 20

_CORE: Final = "tag:yaml.org,2002:"
_TAGS: Final = frozenset(
    _CORE + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that counts aliases, reads 1e-1 as JSON does and leaves dates as they are written."""

    aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self.aliases += 1
            if self.aliases > MOST_ALIASES:
                raise yaml.YAMLError(f"more than {MOST_ALIASES} aliases")
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


def _as_written(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


_Loader.add_implicit_resolver(_CORE + "float", re.compile(r"^[-+]?\d+(?:\.\d+)?[eE][-+]?\d+$"), list("-+0123456789"))
_Loader.add_constructor(_CORE + "timestamp", _as_written)


def read_yaml(content: bytes, *, root: str, prefix: str) -> tuple[Any, tuple[Problem, ...]]:
    """Parse a document; JSON is tried first where the text opens with a brace.

    Parameters
    ----------
    root : name of the document, for problems of the whole
    prefix : of the codes: ``<prefix>-SYNTAX``, ``<prefix>-DUPLICATE-KEY``, ``<prefix>-VALUE``

    Returns
    -------
    tuple of the value and the problems found inside it
        Dictionaries, lists, texts, numbers, booleans and None; every key is text. Of a repeated key the last value
        is kept.

    Raises
    ------
    ConfigError
        ``<prefix>-SYNTAX`` when the text cannot be read at all, is too long, too deep, or multiplies itself.
    """
    text = _decoded(content, root, prefix)
    if text.lstrip().startswith("{"):
        try:
            return _json(text, prefix)
        except ConfigError:
            pass                             # braces open a mapping of YAML, too; its reader has the last word
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, ()
        problems = tuple(_looked_through(node, (), (), prefix))
        return _plain(loader.construct_document(node)), problems
    except yaml.YAMLError as error:
        raise _unreadable(_told(error), root, prefix) from error
    except RecursionError as error:
        raise _unreadable(f"more than {MAX_DEPTH} nested levels", root, prefix) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise _unreadable(str(error), root, prefix) from error
    finally:
        loader.dispose()


def _decoded(content: bytes, root: str, prefix: str) -> str:
    if len(content) > MAX_BYTES:
        raise _unreadable(f"{len(content):,} bytes", root, prefix, f"at most {MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(f"byte {error.start} is not UTF-8", root, prefix) from error


def _json(text: str, prefix: str) -> tuple[Any, tuple[Problem, ...]]:
    value, problems = read_json(text)
    return value, tuple(replace(problem, code=problem.code.replace("CFG", prefix, 1)) for problem in problems)


def _looked_through(node: yaml.Node, path: Path, above: tuple[int, ...], prefix: str) -> Iterator[Problem]:
    """Repeated keys; what cannot be read as plain values ends the reading."""
    if len(above) > MAX_DEPTH:
        raise yaml.YAMLError(f"more than {MAX_DEPTH} nested levels")
    if id(node) in above:
        raise yaml.YAMLError("an anchor that contains itself")
    if node.tag not in _TAGS:
        raise yaml.YAMLError(f"the tag {clip(node.tag, 60)}")
    below = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _looked_through(item, (*path, position), below, prefix)
    elif isinstance(node, yaml.MappingNode):
        yield from _keys(node, path, below, prefix)


def _keys(node: yaml.MappingNode, path: Path, above: tuple[int, ...], prefix: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for key, item in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.YAMLError(f"a key that is no text at line {key.start_mark.line + 1}")
        here = (*path, str(key.value))
        if key.value in seen:
            received = f"a second value at line {key.start_mark.line + 1}"
            yield Problem(f"{prefix}-DUPLICATE-KEY", field_path(here), received, "each key once", "keep one of the two")
        seen.add(key.value)
        yield from _looked_through(item, here, above, prefix)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _told(error: yaml.YAMLError) -> str:
    """PyYAML's complaint in one line."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if mark is None:
        return str(error).replace("\n", " ")
    return f"{problem or getattr(error, 'context', None)} at line {mark.line + 1}, column {mark.column + 1}"


def _unreadable(received: str, root: str, prefix: str, allowed: str = "one YAML or JSON document") -> ConfigError:
    return ConfigError(Problem(f"{prefix}-SYNTAX", root, clip(received), allowed, "mend the file"))
