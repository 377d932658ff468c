"""Files that customers bring: read record by record, checked, written in pieces."""
