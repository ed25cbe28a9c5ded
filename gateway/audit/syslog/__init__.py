"""Records of the audit trail told to a receiver: audit messages of PS3.15 A.5 by syslog over TLS (PS3.15 A.6)."""
