"""The built-in viewer: its page, its bundle, and how that is built.

The JavaScript is in ``js/``; ``build`` makes of it one folder under ``static/viewer/``, which git ignores.
"""
