"""Rules over an audience: read from JSON, compiled to SQL through a whitelist, said in English (docs/segments.md)."""
