"""Take other packages' models off the support site: staff read ours there and change nothing."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django_q.models import Failure, OrmQ, Schedule, Success

admin.site.unregister([Authenticator, EmailAddress, Group, Failure, OrmQ, Schedule, Success])
