"""The version of this Truepush: in requests, in the rows of worker processes."""

VERSION = "0.1.0"
