"""A drawing of one network, or of several beside each other."""

from alexlab.describe.column_diagram import column_diagram
from alexlab.describe.description import Description
from alexlab.describe.drawing import Drawing
from alexlab.describe.row_diagram import row_diagram
from alexlab.describe.structure import blocks
from alexlab.errors import UserError


def diagram(*descriptions: Description, theme: str = "light") -> Drawing:
    """One network from left to right, as the AlexNet paper draws itself; several in columns, as the textbooks do.

    Args:
        theme: "light" or "dark".

    Raises:
        UserError: no network, or one whose shapes do not fit or that has no convolution and no fully connected layer.
    """
    if not descriptions:
        raise UserError("found no network to draw; expected one or more.")
    for description in descriptions:
        if description.failure is not None:
            where = f"{description.failure.layer} ({description.failure.kind})"
            raise UserError(
                f"{description.network}: shapes do not fit at {where}, so it cannot be drawn. "
                f"`alexlab describe {description.network}` says why."
            )
        if not blocks(description):
            raise UserError(
                f"{description.network}: found no convolution and no fully connected layer, and a diagram shows those."
            )
    return row_diagram(descriptions[0], theme) if len(descriptions) == 1 else column_diagram(list(descriptions), theme)
