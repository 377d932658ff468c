"""The engine: claim a grant, encrypt and push it, record what became of each recipient."""
