"""What is behind the page's explorer? A run's units and networks as arrays, and those as text that a page can hold."""

from jaxinterp.report.explorer.budget import LIMIT
from jaxinterp.report.explorer.gather import dead_units, gather
from jaxinterp.report.explorer.payload import Payload, encode

__all__ = ["LIMIT", "Payload", "dead_units", "encode", "gather"]
