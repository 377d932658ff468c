"""Imports point one way (design section 1), stand at the top of the file, and lead into a tenant by one doorway."""

import ast
from collections.abc import Iterator

from tests.rules.source import Module, imports, is_in, product

# From the top to the bottom: each app may import itself and what stands after it.
LAYERS = ("campaigns", "subscribers", "tenants", "truepush.lib")
# These join what is apart, and see everything.
JOINTS = (
    "truepush.settings",
    "truepush.urls_public",
    "truepush.urls_tenant",
    "truepush.urls_sdk",
    "truepush.staff",
    "truepush.local.demo",
    "truepush.local.demo_audience",
    "truepush.local.demo_prompts",
)
# The project's own modules that Django starts with see the lowest app: its checks ask the database that it minds.
PROJECT = (
    "truepush.admin", "truepush.apps", "truepush.asgi", "truepush.checks", "truepush.setting_readers",
    "truepush.settings_sign_in", "truepush.wsgi",
)  # fmt: skip
# What talks to the outside in an app: it parses, calls an action, answers. Nothing beneath may import it.
SURFACES = (
    "access", "adapter", "admin", "admin_flags", "api", "api_keys", "away", "context", "forms", "forms_ab",
    "forms_blocks", "forms_import", "forms_keys", "forms_options", "forms_people", "forms_personal",
    "forms_problem", "forms_prompt", "forms_restraint", "forms_said", "forms_second_factor", "forms_segment",
    "forms_sending", "forms_speed", "forms_timing", "forms_way", "funnel_call", "intake_app", "intake_http",
    "management", "mfa_adapter", "middleware", "missing", "receipts", "request", "sdk", "session_tracking",
    "staff_site", "tasks", "throttle", "urls", "urls_public", "urls_sdk", "urls_tenant", "views", "views_account",
    "views_api", "views_approval", "views_audit", "views_breakdown", "views_check", "views_compose",
    "views_control", "views_exports", "views_flow", "views_funnel", "views_health", "views_images", "views_imports",
    "views_inbox", "views_invitations", "views_keys", "views_people", "views_person", "views_privacy",
    "views_problems", "views_prompts", "views_recipients", "views_schedule", "views_second_factor",
    "views_security", "views_segments", "views_sending", "views_sign_up", "views_subscribers",
)  # fmt: skip
WEB = ("django.http", "django.shortcuts", "django.forms", "django.views", "django.template", "rest_framework")
# Ways into a schema other than tenants.doorway.in_tenant.
OTHER_DOORS = {"schema_context", "tenant_context", "set_schema", "set_tenant", "set_schema_to_public"}


def app_of(module: Module) -> str:
    return next((layer for layer in LAYERS if is_in(module.name, layer)), "")


def part_of(name: str) -> str:
    """Name the part of its app that a module is: campaigns.actions.receipts is of `actions`."""
    return name.split(".")[1] if "." in name else ""


def wrong(allowed: tuple[str, ...], modules: Iterator[Module]) -> list[str]:
    """List the imports of ours that are not allowed."""
    return [
        f"{module.path}:{line} imports {name}"
        for module in modules
        for line, name in imports(module)
        if is_in(name, *LAYERS, "truepush", "tests") and not is_in(name, *allowed)
    ]


def test_each_app_imports_only_what_stands_below_it() -> None:
    for place, layer in enumerate(LAYERS):
        mine = (module for module in product() if app_of(module) == layer)
        assert wrong(LAYERS[place:], mine) == []


def test_the_project_s_own_modules_see_the_lowest_app_only() -> None:
    mine = (module for module in product() if module.name in PROJECT)
    assert wrong(("tenants", "truepush.lib", "truepush.checks"), mine) == []


def test_what_runs_on_one_machine_sees_no_app() -> None:
    mine = (m for m in product() if is_in(m.name, "truepush.local") and m.name not in JOINTS)
    assert wrong(("truepush.local", "truepush.lib"), mine) == []


def test_every_module_is_in_one_of_these_places() -> None:
    known = (*LAYERS, *JOINTS, *PROJECT, "truepush.local", "bench")
    assert [m.path for m in product() if m.name != "truepush" and not is_in(m.name, *known)] == []


def test_the_pure_helpers_know_neither_django_nor_an_app() -> None:
    for module in product():
        if is_in(module.name, "truepush.lib"):
            used = [name for _, name in imports(module)]
            assert [
                name for name in used if is_in(name, "django", "rest_framework", "django_q", "psycopg")
            ] == []


def test_the_sandbox_and_the_shop_run_without_django() -> None:
    for module in product():
        if is_in(module.name, "truepush.local.sandbox", "truepush.local.shop"):
            assert [name for _, name in imports(module) if is_in(name, "django")] == [], module.path


def test_models_import_nothing_of_their_own_app() -> None:
    for module in product():
        if part_of(module.name) == "models":
            app = app_of(module)
            own = [name for _, name in imports(module) if is_in(name, app)]
            # A part of it in a file of its own, since there were too many lines, is it itself.
            assert [name for name in own if not name.split(".")[1].startswith("models_")] == [], module.path


def test_nothing_beneath_imports_what_talks_to_the_outside() -> None:
    """views, api, admin, tasks, commands -> actions -> models."""
    upward = [
        f"{module.path}:{line} imports {name}"
        for module in product()
        if app_of(module) in LAYERS[:3] and part_of(module.name) not in (*SURFACES, "")
        for line, name in imports(module)
        if is_in(name, *LAYERS[:3]) and part_of(name) in SURFACES
    ]
    assert upward == []


def test_actions_and_models_know_nothing_of_requests_and_pages() -> None:
    web = [
        f"{module.path}:{line} imports {name}"
        for module in product()
        if app_of(module) in LAYERS[:3]
        and part_of(module.name) in ("actions", "models", "delivery", "schema")
        for line, name in imports(module)
        if is_in(name, *WEB)
    ]
    assert web == []


def test_no_import_hides_inside_a_function() -> None:
    """House rule 2: none to get round a circle."""
    hidden = [
        f"{module.path}:{inner.lineno}"
        for module in product()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_no_signals_between_apps() -> None:
    heard = [
        f"{module.path}:{line}"
        for module in product()
        if app_of(module)
        for line, name in imports(module)
        if is_in(name, "django.dispatch", "django.db.models.signals", "django.core.signals")
    ]
    assert heard == []


def names(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias):
            yield node.lineno, node.name


def test_there_is_one_doorway_into_a_tenant() -> None:
    """Design section 3: `in_tenant` is the only one that uses schema_context."""
    others = [
        f"{module.path}:{line} uses {name}"
        for module in product()
        if module.name != "tenants.doorway"
        for line, name in names(module)
        if name in OTHER_DOORS
    ]
    assert others == []


def test_the_doorway_is_used_as_a_with_statement_only() -> None:
    """As a decorator, or kept in a variable, it would be shared between threads."""
    for module in product():
        nodes = list(ast.walk(module.tree))
        opened = {
            id(item.context_expr) for node in nodes if isinstance(node, ast.With) for item in node.items
        }
        calls = [n for n in nodes if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        kept = [call.lineno for call in calls if call.func.id == "in_tenant" and id(call) not in opened]
        assert kept == [], module.path
