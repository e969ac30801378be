"""What stands at the foot of every printed page, as a style that no name can break out of."""

from __future__ import annotations

from clarify.report.names import clean

LONGEST_FOOT = 90
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ")


def foot_style(text: str) -> str:
    """A rule for the lower left margin of every page: the page numbers are at the lower right.

    CSS cannot read a name off the page, so the name goes into the style: every character but ASCII letters, digits
    and the space is written by its number, so that nothing in it ends the string, the rule or the element.

    Examples
    --------
    >>> foot_style("a</style>")
    '@media print{@page{@bottom-left{content:"a\\\\3c \\\\2f style\\\\3e "}}}'
    """
    written = "".join(c if c in _PLAIN else f"\\{ord(c):x} " for c in clean(text, longest=LONGEST_FOOT))
    return f'@media print{{@page{{@bottom-left{{content:"{written}"}}}}}}'
