"""What a member, or somebody who is invited, may do and where."""

from typing import Any

from django import forms

from tenants.models import Membership, Role, SiteIndex, Tenant
from tenants.roles import grantable

ABOUT = {
    Role.OWNER: "Everything, and makes other owners.",
    Role.ADMIN: "People, websites, keys, imports and exports, the audit log.",
    Role.SENDER: "Launches, pauses and approves campaigns.",
    Role.EDITOR: "Writes drafts and segments.",
    Role.ANALYST: "Reads reports and subscribers.",
}


class AccessForm(forms.Form):
    """`role`, and `site_ids`: none chosen with `where` all."""

    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect(attrs={"class": "form-check-input"}))
    where = forms.ChoiceField(
        label="Websites",
        choices=[("all", "All websites, also those to come"), ("some", "Only these")],
        initial="all",
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    site_ids = forms.TypedMultipleChoiceField(
        label="Which",
        coerce=int,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, tenant: Tenant, own: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites = SiteIndex.objects.filter(tenant_id=tenant.pk).order_by("name", "site_id")
        self.fields["role"].choices = [(role.value, role.label) for role in grantable(own)]  # type: ignore[attr-defined]
        self.fields["site_ids"].choices = list(sites.values_list("site_id", "name"))  # type: ignore[attr-defined]
        self.about = [(choice, ABOUT[Role(choice.data["value"])]) for choice in self["role"]]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        is_limited = given.get("where") == "some"
        if is_limited and not given.get("site_ids") and "site_ids" not in self.errors:
            self.add_error("site_ids", "Choose at least one website, or all of them.")
        if is_limited and given.get("role") == Role.OWNER:
            self.add_error("where", "Owners see all websites.")
        if not is_limited:
            given["site_ids"] = []
        return given


def as_initial(role: str, site_ids: list[int]) -> dict[str, Any]:
    return {"role": role, "where": "some" if site_ids else "all", "site_ids": site_ids}


class InvitationForm(AccessForm):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
