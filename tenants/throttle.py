"""Limits on guessing, as requests meet them: 429 with Retry-After, and the same page for everybody."""

from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tenants.actions import attempts
from tenants.actions.attempts import Attempt
from tenants.client_address import client_network


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    context = {"minutes": -(-seconds // 60)}
    answer = render(request, "429.html", context, status=429)
    answer["Retry-After"] = str(seconds)
    answer["Cache-Control"] = "no-store"
    return answer


def spend(request: HttpRequest, attempt: Attempt, account: str) -> None:
    """Count a try; past the limit, answer 429 at once (allauth's middleware catches what is raised)."""
    try:
        attempts.take(attempt, account=account, address=client_network(request))
    except attempts.TooMany as error:
        raise ImmediateHttpResponse(too_many(request, error.seconds)) from error


def refund(request: HttpRequest, attempt: Attempt, account: str) -> None:
    attempts.give_back(attempt, account=account, address=client_network(request))
