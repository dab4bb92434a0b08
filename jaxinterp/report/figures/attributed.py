"""Which pixels is one image's value due to? The image, its maps, and the value as ink is blanked in their order."""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from jaxinterp.questions.attribute import ORDERS, Attribution
from jaxinterp.report.figures.captions import caption
from jaxinterp.report.figures.common import BAND, GREEN, GREY, PURPLE
from jaxinterp.report.figures.drawing import band, bound_of, has_rows, picture
from jaxinterp.report.figures.layout import legend, names, panels, plain, shortened
from jaxinterp.text import format_number


def figure(found: Attribution) -> Figure:
    """The image, the map of the shown network, the mean map of all, and the deletion curves.

    An image of three channels is in colour, of other numbers the mean over them; maps are sums over channels.
    """
    drawn, [[image, own, mean, curves]] = panels(1, 4, (2.6, 2.4))
    maps = xr.DataArray(found.maps, dims=("seeds", "pixels"))
    shown = found.maps[found.seeds.index(found.shown)]
    *grid, channels = found.shape
    flat, one = (grid[0] * grid[1], channels), (grid[0], grid[1], 1)
    if channels == 3:
        picture(image, found.image, shape=found.shape)
    else:
        picture(image, found.image.reshape(flat).mean(axis=1), shape=one)
    names(image, f"test image {found.number}, class {shortened(found.named(found.label))}")
    for axes, values, title in (
        (own, shown, f"seed {found.shown}"),
        (mean, found.maps.mean(axis=0), f"mean of {len(found.seeds)} networks"),
    ):
        sums = values.reshape(flat).sum(axis=1)
        picture(axes, sums, bound_of(xr.DataArray(sums)), one)
        names(axes, title)
    along = np.linspace(0, 1, found.curves.shape[2])  # shares of the ink
    for order, colour in zip(range(len(ORDERS)), (GREEN, GREY, PURPLE), strict=True):
        values = xr.DataArray(found.curves[:, order], dims=("seeds", "points"))
        band(curves, values, colour, ORDERS[order], x=along)
    plain(curves, x="share of ink blanked", y=textwrap.fill(found.what, 30))
    legend(curves)
    areas = zip(ORDERS, found.areas.mean(axis=0), strict=True)
    text = f"Area under the curve: {', '.join(f'{order} {format_number(float(area))}' for order, area in areas)}"
    title = f"What {found.what} is due to, by {found.method.replace('-', ' ')}"
    together = ", all channels together" if channels > 1 and has_rows(one) else ""
    colours = f"orange: raises it, blue: lowers it{together}"
    return caption(drawn, f"{maps.sizes['seeds']} networks", title, f"{colours}; {BAND}", text)
