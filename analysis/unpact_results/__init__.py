"""Reads the results of unpact: loaders, validator, tables, figures and a one-file report."""

from .model import Campaign, Cell, CellStatus, Contribution, ModelResult, Outcome, Probe, Ragged, Rate, Split
from .campaigns import load_campaign
from .reading import ResultsError, load_cell

__version__ = "0.1.0"
__all__ = ["Campaign", "Cell", "CellStatus", "Contribution", "ModelResult", "Outcome", "Probe", "Ragged", "Rate", "ResultsError", "Split", "load_campaign", "load_cell"]
