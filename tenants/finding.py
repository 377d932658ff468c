"""What a look at the installation found: one line for whoever runs it."""

from typing import NamedTuple


class Finding(NamedTuple):
    """`remedy` says what to do; it is empty where all is well."""

    subject: str
    is_well: bool
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        said = f"{'ok' if self.is_well else 'FAILED':<7} {self.subject}: {self.text}"
        return f"{said} {self.remedy}".rstrip()
