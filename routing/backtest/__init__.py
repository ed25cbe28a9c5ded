"""A draft of a rule judged on what is stored: what it would have matched, and where it differs from the live one."""
