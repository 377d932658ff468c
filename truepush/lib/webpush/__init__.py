"""Web Push without a framework: RFC 8188 and 8291 (encryption), RFC 8292 (VAPID), endpoint rules."""
