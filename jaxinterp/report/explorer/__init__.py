"""What is behind the page's explorer? A run's units and networks as arrays, and those as text that a page can hold."""

from jaxinterp.report.explorer.gather import gather
from jaxinterp.report.explorer.payload import Payload, encode

__all__ = ["Payload", "encode", "gather"]
