"""Queries at a level of the Query/Retrieve models: what C-FIND and QIDO-RS share (PS3.4 C.3, C.4.1, C.6)."""
