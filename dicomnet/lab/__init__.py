"""The lab: synthetic studies, a sender and a simulated PACS, to try a gateway without a hospital."""
