"""Files that people upload: through the same spool and the same checks as C-STORE."""
