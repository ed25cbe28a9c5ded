"""Storage commitment as provider: requests kept, instances proven, verdicts reported (PS3.4 Annex J)."""
