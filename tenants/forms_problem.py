"""What somebody tells support."""

from django import forms

from tenants.models_problems import MOST_REPORT

LEAST_REPORT = 10


class ReportForm(forms.Form):
    text = forms.CharField(
        label="What happened?",
        min_length=LEAST_REPORT,
        max_length=MOST_REPORT,
        error_messages={"min_length": f"Say a little more: at least {LEAST_REPORT} characters."},
        help_text="What you did, what you expected, and what you saw instead. Leave passwords and keys out.",
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 6}),
    )
    # Of the page that it is about; what the browser says may be anything (actions.problem_reports.Where.tidy).
    request = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)
    page = forms.CharField(required=False, max_length=500, widget=forms.HiddenInput)

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")
