"""Functions under a decorator that keeps what they return: one result for all who call."""

from __future__ import annotations

from flake8_poolhold.facts import tree

_CACHES = frozenset(
    {
        "cache_data", "cache_resource", "cached", "cached_method", "cached_property", "cachedmethod",
        "experimental_memo", "experimental_singleton", "memoize", "memoized", "singleton",
    }
)  # fmt: skip
"""The decorators of functools, streamlit, cachetools, async-lru and their like, beside those that end with `cache`."""


def is_cached(node: tree.Function) -> bool:
    """Whether a function is called once, for each kind of argument at most, and its result shared from then on."""
    return any(_caches(tree.undressed(decorator)) for decorator in node.decorators)


def _caches(decorator: tree.Expression) -> bool:
    match decorator:
        case tree.Name(id=name) | tree.Attribute(name=name):
            return name in _CACHES or name.endswith("cache")
        case _:
            return False
