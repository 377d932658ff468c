"""Routes of support staff's own pages, beneath the admin's address."""

from django.urls import path

from truepush.staff import views, views_control, views_problems

app_name = "staff"
urlpatterns = [
    path("now/", views.now, name="now"),
    path("search/", views.search_page, name="search"),
    path("workspaces/<int:pk>/", views.workspace, name="workspace"),
    path("workspaces/<int:pk>/suspend/", views_control.suspend, name="suspend"),
    path("workspaces/<int:pk>/reopen/", views_control.reopen, name="reopen"),
    path("workspaces/<int:pk>/hold/", views_control.hold, name="hold"),
    path("workspaces/<int:pk>/let-go/", views_control.let_go, name="let_go"),
    path("workspaces/<int:pk>/look/", views_control.look, name="look"),
    path("sends/<int:pk>/", views.send, name="send"),
    path("sends/<int:pk>/requeue/", views_control.requeue, name="requeue"),
    path("problems/", views_problems.problem_list, name="problems"),
    path("problems/<int:pk>/", views_problems.problem, name="problem"),
    path("problems/<int:pk>/banner/", views_problems.banner, name="banner"),
    path("problems/<int:pk>/solve/", views_problems.solve, name="solve"),
    path("reports/", views_problems.report_list, name="reports"),
    path("reports/<int:pk>/", views_problems.report, name="report"),
    path("reports/<int:pk>/attach/", views_problems.attach, name="attach"),
    path("reports/<int:pk>/answer/", views_problems.answer, name="answer"),
    path("stop/", views_control.stop, name="stop"),
    path("start/", views_control.start, name="start"),
]
