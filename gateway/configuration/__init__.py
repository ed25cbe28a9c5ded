"""The settings of the whole gateway as one document: written, compared, applied, and brought back."""
