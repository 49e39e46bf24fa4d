"""termmine: from the raw text of a field to its glossary, without labels."""

__version__ = "0.1.0"
