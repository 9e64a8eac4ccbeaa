"""Tables in text."""

from collections.abc import Sequence

__all__ = ['markdown_table']


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as a Markdown table with aligned columns.

    Args:
        rows (Sequence[Sequence[str]]): the first one is the head.

    Returns:
        str: the table, without a line break at its end.
    """
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    head, *lines = (
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |'
        for row in rows
    )
    rule = '| ' + ' | '.join('-' * width for width in widths) + ' |'
    return '\n'.join([head, rule, *lines])
