"""What is wrong with forms whose page is left: said on the next one."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest


def problems_of(*given: forms.Form) -> list[str]:
    """A line for each field that has some."""
    return [" ".join(str(error) for error in errors) for form in given for errors in form.errors.values()]


def say_problems(request: HttpRequest, *given: forms.Form) -> None:
    for problem in problems_of(*given):
        messages.error(request, problem)
