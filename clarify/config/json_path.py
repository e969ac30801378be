"""JMESPath expressions of a config: compiled once, of bounded size, refused in words, quick where they are plain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from clarify.config.json_text import shown
from clarify.errors import ConfigError, DataError, Problem

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

LONGEST_PATH = 1_000
DEEPEST_PATH = 50
# A document grows by every list that is built of it: [@,@]|[]|[@,@]|[]... doubles it at every eleventh character.
MOST_LISTS_BUILT = 2
MOST_FUNCTIONS = 4
Node = Any      # of jmespath's own syntax tree: a dict with type, children and value


@dataclass(frozen=True, eq=False)
class JsonPath:
    """An expression and its syntax tree."""

    expression: str
    node: Node

    def search(self, document: object) -> Any:
        """What the path finds in one document, None for nothing.

        Raises
        ------
        DataError
            DATA-JSON-PATH when a function of the path cannot work on what it is given.
        """
        return self._search_all([document])[0]

    def search_each(self, documents: Sequence[object]) -> list[Any]:
        """What the path finds in each document; without jmespath where the path only steps down, 20 times as fast."""
        keys = _keys(self.node)
        if keys is None:
            return self._search_all(documents)
        found = list(documents)
        for key in keys:
            found = [item.get(key) if isinstance(item, dict) else None for item in found]
        return found

    def _search_all(self, documents: Sequence[object]) -> list[Any]:
        from jmespath.exceptions import JMESPathError
        from jmespath.visitor import TreeInterpreter

        visit = TreeInterpreter().visit
        try:
            return [visit(self.node, document) for document in documents]
        except JMESPathError as error:
            raise DataError(_unsearchable(self.expression, error)) from error

    @property
    def by_record(self) -> tuple[JsonPath, JsonPath] | None:
        """Where records sit and what is taken of each, for a projection such as ``instances[*].label``; else None.

        JMESPath leaves out the nulls of a projection; taken apart, every record keeps its place.
        """
        parts = _projection(self.node)
        return None if parts is None else (JsonPath(self.expression, parts[0]), JsonPath(self.expression, parts[1]))

    @property
    def last_key(self) -> str | None:
        """The key it ends with: ``label`` of ``instances[*].label``; None when it ends with something else."""
        node = self.node
        while node["type"] in ("projection", "subexpression", "filter_projection", "value_projection"):
            node = node["children"][-1 if node["type"] == "subexpression" else 1]
        return str(node["value"]) if node["type"] == "field" else None


@lru_cache(maxsize=256)
def json_path(expression: str) -> JsonPath:
    """The path of a dataset's features or labels, ready to search with.

    Raises
    ------
    ConfigError
        CFG-JMESPATH as ``compiled_path``, and when it is built so that a small document could become huge.
    """
    node = compiled_path(expression).parsed
    kinds = Counter(_kinds(node))
    built = kinds["multi_select_list"] + kinds["multi_select_dict"]
    if built > MOST_LISTS_BUILT or kinds["function_expression"] > MOST_FUNCTIONS:
        allowed = f"at most {MOST_LISTS_BUILT} lists or objects built and {MOST_FUNCTIONS} functions"
        raise ConfigError(_refused(expression, allowed, "write the path to the values, such as records[*].features"))
    return JsonPath(expression, node)


@lru_cache(maxsize=256)
def compiled_path(expression: str) -> ParsedResult:
    """The expression as jmespath has it.

    Raises
    ------
    ConfigError
        CFG-JMESPATH when it is no JMESPath, longer than 1,000 characters or nested deeper than 50 levels.
    """
    import jmespath
    from jmespath.exceptions import JMESPathError

    if len(expression) > LONGEST_PATH:
        raise ConfigError(_refused(expression, f"at most {LONGEST_PATH:,} characters", "write a shorter path"))
    try:
        found = jmespath.compile(expression)
    except (JMESPathError, RecursionError) as error:
        reason = " ".join(str(error).split("\n")[0].split())
        raise ConfigError(_refused(expression, "a JMESPath expression", reason or "mend the path")) from error
    if _depth(found.parsed) > DEEPEST_PATH:
        raise ConfigError(_refused(expression, f"at most {DEEPEST_PATH} steps", "write a shorter path"))
    return found


def record_paths(expression: str) -> tuple[ParsedResult, ParsedResult] | None:
    """``JsonPath.by_record`` as jmespath has it."""
    from jmespath.parser import ParsedResult

    parts = _projection(compiled_path(expression).parsed)
    return None if parts is None else (ParsedResult(expression, parts[0]), ParsedResult(expression, parts[1]))


def _projection(node: Node) -> tuple[Node, Node] | None:
    if node["type"] == "projection":
        return node["children"][0], node["children"][1]
    inner = _projection(node["children"][-1]) if node["type"] == "subexpression" else None
    if inner is None:
        return None
    return {"type": "subexpression", "children": [*node["children"][:-1], inner[0]]}, inner[1]


def _keys(node: Node) -> tuple[str, ...] | None:
    """The keys of a path that only steps down, such as ``a.b``."""
    if node["type"] in ("identity", "current"):
        return ()
    if node["type"] == "field":
        return (str(node["value"]),)
    if node["type"] != "subexpression":
        return None
    parts = [_keys(child) for child in node["children"]]
    return None if None in parts else tuple(key for part in parts if part is not None for key in part)


def _kinds(node: Node) -> Iterator[str]:
    yield str(node["type"])
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _kinds(child)


def _depth(node: Node) -> int:
    level, depth = [node], 0
    while level:
        level = [child for item in level if isinstance(item, dict) for child in item["children"]]
        depth += 1
    return depth


def _refused(expression: str, allowed: str, hint: str) -> Problem:
    return Problem("CFG-JMESPATH", "JMESPath", shown(expression), allowed, hint)


def _unsearchable(expression: str, error: Exception) -> Problem:
    hint = "choose a path that fits every record"
    return Problem("DATA-JSON-PATH", shown(expression), str(error).split("\n")[0], "a path that finds values", hint)
