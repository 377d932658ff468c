"""Routes of this app on a tenant's host."""

from django.urls import path

from tenants import (
    views,
    views_api,
    views_audit,
    views_inbox,
    views_invitations,
    views_keys,
    views_people,
    views_problems,
    views_security,
)

app_name = "tenants"
urlpatterns = [
    path("api/v1/key", views_api.OwnKey.as_view(), name="api_key"),
    path("audit/", views_audit.audit_log, name="audit_log"),
    path("audit/file/", views_audit.audit_file, name="audit_file"),
    path("enter/", views.enter, name="enter"),
    path("inbox/", views_inbox.inbox, name="inbox"),
    path("inbox/count/", views_inbox.inbox_count, name="inbox_count"),
    path("inbox/read/", views_inbox.inbox_read, name="inbox_read"),
    path("inbox/mail/", views_inbox.inbox_mail, name="inbox_mail"),
    path("inbox/<int:pk>/open/", views_inbox.inbox_open, name="inbox_open"),
    path("keys/", views_keys.keys, name="keys"),
    path("keys/new/", views_keys.key_new, name="key_new"),
    path("keys/<int:pk>/let-in/", views_keys.key_let_in, name="key_let_in"),
    path("keys/<int:pk>/revoke/", views_keys.key_revoke, name="key_revoke"),
    path("people/", views_people.people, name="people"),
    path("people/invite/", views_invitations.invite, name="invite"),
    path(
        "people/invitations/<int:pk>/resend/", views_invitations.invitation_resend, name="invitation_resend"
    ),
    path(
        "people/invitations/<int:pk>/withdraw/",
        views_invitations.invitation_withdraw,
        name="invitation_withdraw",
    ),
    path("people/leave/", views_people.people_leave, name="people_leave"),
    path("people/<int:pk>/", views_people.person, name="person"),
    path("people/<int:pk>/remove/", views_people.person_remove, name="person_remove"),
    path("problems/new/", views_problems.problem_new, name="problem_new"),
    path("problems/<int:pk>/", views_problems.problem, name="problem"),
    path("banners/<int:pk>/hide/", views_problems.banner_hide, name="banner_hide"),
    path("security/", views_security.security, name="security"),
    path("support/end/", views.support_end, name="support_end"),
    path("sign-out/", views.sign_out, name="leave"),
]
