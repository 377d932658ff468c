"""Settings of sign-in (django-allauth) that are no choice of the operator. The user model has no user name."""

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = False
ACCOUNT_SESSION_REMEMBER = True
# Tries are counted in the database (tenants.actions.attempts), not in a cache of each process.
ACCOUNT_RATE_LIMITS = False
ACCOUNT_ADAPTER = "tenants.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "tenants.forms.SignUpForm",
    "reset_password": "tenants.forms.ResetForm",
    "reset_password_from_key": "tenants.forms.NewPasswordForm",
    "change_password": "tenants.forms.ChangeForm",
}
# The way in for whoever is locked out by others' guesses; a second factor is asked for as ever.
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
PASSWORD_RESET_TIMEOUT = 3600
# Second factors; codes are limited as passwords are.
MFA_RATE_LIMITS = False
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ADAPTER = "tenants.mfa_adapter.SecondFactorAdapter"
MFA_FORMS = {
    "authenticate": "tenants.forms_second_factor.SignInCodeForm",
    "reauthenticate": "tenants.forms_second_factor.ConfirmCodeForm",
    "activate_totp": "tenants.forms_second_factor.AddAppForm",
    "add_webauthn": "tenants.forms_second_factor.AddPasskeyForm",
    "authenticate_webauthn": "tenants.forms_second_factor.SignInPasskeyForm",
    "reauthenticate_webauthn": "tenants.forms_second_factor.ConfirmPasskeyForm",
}
MFA_TOTP_ISSUER = "Truepush"
MFA_TOTP_TOLERANCE = 1
MFA_RECOVERY_CODES_SHOW_ONCE = True
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 1
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "tenants:workspaces"
_IN = "django.contrib.auth.password_validation"
_CHECKS = ("UserAttributeSimilarity", "MinimumLength", "CommonPassword")
AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{_IN}.{name}Validator"} for name in _CHECKS]
