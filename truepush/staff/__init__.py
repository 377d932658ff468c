"""Support staff's own pages, beside Django's admin and behind its door; they may see every app."""
