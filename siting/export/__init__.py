"""A published run in the forms that other people's tools open."""

from siting.export.edition import DATUMS, Edition
from siting.export.pack import FORMATS, export

__all__ = ["DATUMS", "FORMATS", "Edition", "export"]
