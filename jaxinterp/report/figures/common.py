"""What do all figures share? Colours that stay distinct for colour-blind readers, plain axes, names of layers."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
GREY = "#767676"


def layer(site: str) -> str:
    """A site's layer, as a title names it."""
    return site.removesuffix("/post")


def plain(axes: Axes, *, grid: str = "x") -> None:
    """No frame, a light grid along one axis."""
    axes.tick_params(labelsize=9, color=GREY)
    axes.grid(axis=grid, color="#dddddd", linewidth=0.6)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def shows(figure: Figure, *rows: str) -> Figure:
    """The same figure, marked with the rows of its study's table that it shows, such as "3.1": they unfold to it."""
    vars(figure)["rows"] = rows
    return figure


def rows_of(figure: Figure) -> tuple[str, ...]:
    """The rows that a figure was marked with; none by default."""
    return vars(figure).get("rows", ())
