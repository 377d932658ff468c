"""Let somebody back in who lost every second factor."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.actions.second_factor import NoSecondFactor, forget_factors
from tenants.models import User


class Command(BaseCommand):
    help = "Remove every second factor of one person, who then signs in with the password alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the address they sign in with")
        parser.add_argument(
            "--why", required=True, help="how you made sure that it is they who ask; kept in the audit log"
        )

    def handle(self, *args: Any, email: str, why: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email.strip()).first()
        if user is None:
            raise CommandError(f"Nobody signs in as {email[:254]!r}. Give the address of their account.")
        if not why.strip():
            raise CommandError("--why is empty. Say how you made sure that it is they who ask.")
        try:
            number = forget_factors(user=user, why=why.strip())
        except NoSecondFactor as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"{number} removed. {user.email} is signed out everywhere, gets a mail about it, signs in with the "
            "password, and should add a new one under Account."
        )
