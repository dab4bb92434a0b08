"""What do all figures share? Colours that all readers can distinguish, and the rows that they show."""

from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from jaxinterp.report import colours

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY = "#767676"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, GREY, "black")

# As on the page. Signed values: blue below 0, paper at 0, orange above. Amounts: from paper at none to ink.
SIGNED = LinearSegmentedColormap.from_list("signed", colours.signed_steps())
AMOUNT = LinearSegmentedColormap.from_list("amount", [colours.PAPER, colours.MUCH])

BAND = "line: median, band: middle 90 % of seeds"
DOTS = "dot: one network, bar: median"


def shows(figure: Figure, *rows: str) -> Figure:
    """The same figure, marked with the rows of its study that it shows, such as "3.1": the page links them to it."""
    vars(figure)["rows"] = rows
    return figure


def rows_of(figure: Figure) -> tuple[str, ...]:
    """The rows that a figure is marked with; none by default."""
    return vars(figure).get("rows", ())
