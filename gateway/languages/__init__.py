"""The languages of the pages: how one is chosen, and the catalogue of their texts."""
