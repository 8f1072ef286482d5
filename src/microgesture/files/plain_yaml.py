"""YAML of plain values from a file that a stranger may have written."""

from __future__ import annotations

from typing import Any

import yaml

MOST_VALUES = 100_000
"""More values than these, aliases (`*name`) counted as what they stand for, are no settings of ours."""
_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str, loader: type[PlainLoader] | None = None) -> Any:
    """The values of a document: mappings, lists, texts, numbers, dates, None; nothing is ever called.

    Raises `yaml.YAMLError` for a text that is not YAML, a key that appears twice, and for values that are nested too
    deep or, by aliases of aliases, too many.
    """
    try:
        reader = (loader or PlainLoader)(text)
        try:
            node = reader.get_single_node()
            if node is None:
                return None
            _count(node, {})
            return reader.construct_document(node)
        finally:
            reader.dispose()
    except RecursionError:
        raise yaml.YAMLError("nested too deep") from None
    except (
        ValueError,
        OverflowError,
        AttributeError,
        TypeError,
    ) as error:  # a date that is none, a tag without a value
        raise yaml.YAMLError(str(error)) from error


class PlainLoader(yaml.SafeLoader):
    """Refuses a key that appears twice, of which YAML would quietly keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """As the base class does."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
        twice = next((key for i, key in enumerate(keys) if key in keys[:i]), None)
        if twice is not None:
            raise yaml.YAMLError(f"'{twice}' appears twice, line {node.start_mark.line + 1}")
        return super().construct_mapping(node, deep)


def _count(node: yaml.Node, counts: dict[int, int]) -> int:
    """Values that a node stands for when its aliases are written out."""
    if id(node) in counts:
        return counts[id(node)]
    counts[id(node)] = MOST_VALUES + 1  # met again inside of itself, it would never end
    inner = node.value if isinstance(node, yaml.CollectionNode) else ()
    total = 1 + sum(_count(part, counts) for item in inner for part in (item if isinstance(item, tuple) else (item,)))
    if total > MOST_VALUES:
        raise yaml.YAMLError(f"more than {MOST_VALUES} values")
    counts[id(node)] = total
    return total
