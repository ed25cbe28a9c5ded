"""Ways to keep objects: one module each, named by the location's kind; ``open_store`` chooses."""
