"""Pages that prove a rule: tried and back-tested drafts, versions, shadow, findings."""

import json
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pydicom.data import get_testdata_file

from routing.backtest import run
from routing.backtest.models import BackTest
from routing.models import Rule
from routing.rules import save_rule
from tests.factories import (
    AIPoolFactory,
    BackTestFactory,
    DestinationFactory,
    InstanceFactory,
    RuleFactory,
    SeriesFactory,
    ShadowMatchFactory,
    StudyFactory,
)

CT = [{"attribute": "Modality", "operator": "equals", "value": "CT"}]
MR = [{"attribute": "Modality", "operator": "equals", "value": "MR"}]


def form(**fields: Any) -> dict[str, Any]:
    lists = {name: json.dumps(fields.pop(name, [])) for name in ("conditions", "actions")}
    return {"name": "Draft", "order": "10", "priority": "3", "is_enabled": "on"} | lists | fields


def ct_file() -> SimpleUploadedFile:
    with open(str(get_testdata_file("CT_small.dcm")), "rb") as file:
        return SimpleUploadedFile("ct.dcm", file.read())


def test_all_fields_are_saved_with_the_reason(administrator: Client) -> None:
    pool = AIPoolFactory.create()
    label = [{"action": "label", "label": "lung"}]
    fields = {"scope": "study", "mode": "shadow", "ai_pools": [pool.pk], "reason": "trial", "actions": label}

    administrator.post("/rules/new/", form(**fields))

    rule = Rule.objects.get()
    assert (rule.scope, rule.mode, rule.actions, list(rule.ai_pools.all())) == ("study", "shadow", label, [pool])
    assert rule.versions.get().reason == "trial"


def test_a_draft_is_tried_and_not_saved(administrator: Client) -> None:
    rule = RuleFactory.create(name="Live", conditions=MR, to=[DestinationFactory.create()])
    draft = form(conditions=CT, destinations=[rule.destinations.get().pk], do="try", file=ct_file())

    answer = administrator.post(f"/rules/{rule.pk}/edit/", draft)

    (verdict,) = answer.context["verdicts"]
    assert (verdict.rule.name, verdict.is_draft, verdict.matched) == ("Draft", True, True)
    assert "Would send to" in answer.content.decode()
    assert 'value="Draft"' in answer.content.decode(), "the draft stays in the form"
    rule.refresh_from_db()
    assert (rule.name, rule.version) == ("Live", 1)


def test_a_draft_that_is_wrong_is_not_tried(administrator: Client) -> None:
    answer = administrator.post("/rules/new/", form(do="try", file=ct_file()))

    html = answer.content.decode()
    assert "The draft cannot be tried yet" in html
    assert "A rule needs something to do" in html


def test_a_draft_is_tried_with_something(administrator: Client) -> None:
    draft = form(destinations=[DestinationFactory.create().pk], do="try")

    assert "one of the two" in administrator.post("/rules/new/", draft).content.decode()


def test_a_draft_is_back_tested_and_gone_on_with(administrator: Client) -> None:
    destination = DestinationFactory.create()
    rule = RuleFactory.create(conditions=MR, to=[destination])
    draft = form(conditions=CT, destinations=[destination.pk], do="back-test", days="7")

    answer = administrator.post(f"/rules/{rule.pk}/edit/", draft)

    back_test = BackTest.objects.get()
    assert answer.headers["Location"] == f"/rules/back-tests/{back_test.pk}/"
    assert (back_test.rule, back_test.days, back_test.draft["live_version"]) == (rule, 7, 1)
    assert str(back_test.author) == "administrator"
    rule.refresh_from_db()
    assert (rule.conditions, rule.version) == (MR, 1)
    again = administrator.get(f"/rules/{rule.pk}/edit/?back_test={back_test.pk}").context["form"]
    assert (again["name"].value(), json.loads(again["conditions"].value())) == ("Draft", CT)
    assert again["destinations"].value() == [destination.pk]


def test_days_that_are_none(administrator: Client) -> None:
    draft = form(destinations=[DestinationFactory.create().pk], do="back-test", days="0")

    assert administrator.post("/rules/new/", draft).status_code == 200
    assert not BackTest.objects.exists()


def test_progress_is_polled_until_the_end(administrator: Client) -> None:
    SeriesFactory.create()
    rule = RuleFactory.create(conditions=CT)
    administrator.post(f"/rules/{rule.pk}/back-test/", {"days": "30"})
    address = f"/rules/back-tests/{BackTest.objects.get().pk}/"

    html = administrator.get(address).content.decode()
    assert "every 2s" in html
    assert "Cancel" in html
    run.take_turn(BackTest.objects.get().pk)
    html = administrator.get(address).content.decode()
    assert "every 2s" not in html
    assert "Cancel" not in html
    assert "Nothing differs" in html


def test_a_back_test_is_cancelled(administrator: Client, viewer: Client) -> None:
    back_test = BackTestFactory.create(state="queued", finished_at=None)
    address = f"/rules/back-tests/{back_test.pk}/cancel/"

    assert viewer.post(address).status_code == 403
    assert "is cancelled" in administrator.post(address, follow=True).content.decode()
    back_test.refresh_from_db()
    assert back_test.state == "cancelled"


def test_what_a_back_test_found(viewer: Client) -> None:
    back_test = BackTestFactory.create(matches=[StudyFactory.create(patient_name="Doe^Jane")], judged=7)
    address = f"/rules/back-tests/{back_test.pk}/"

    html = viewer.get(address).content.decode()
    assert "Doe, Jane" in html
    assert "<b>1</b> differs from version 1" in html
    assert "no file was read" in html
    assert "Doe, Jane" not in viewer.get(f"{address}?outcome=both").content.decode()
    csv = viewer.get(f"{address}csv/?outcome=differ")
    assert "Doe^Jane" in csv.getvalue().decode()
    assert viewer.get(f"{address}csv/?outcome=x").status_code == 404


def test_versions_say_what_changed_and_lead_back(administrator: Client, viewer: Client) -> None:
    rule = RuleFactory.create(conditions=CT, to=[DestinationFactory.create()])
    rule.conditions = MR
    save_rule(rule, destinations=rule.destinations.all(), reason="ward 3 moved")

    html = viewer.get(f"/rules/{rule.pk}/").content.decode()
    assert "Condition added: Modality is MR" in html
    assert "ward 3 moved" in html
    assert "Back to 1" not in html
    address = f"/rules/{rule.pk}/roll-back/"
    assert viewer.post(address, {"version": "1"}).status_code == 403
    html = administrator.post(address, {"version": "1"}, follow=True).content.decode()
    assert "is as it was in version 1; that is version 3" in html
    assert "has no version 0" in administrator.post(address, {"version": "x"}, follow=True).content.decode()


def test_two_versions_are_compared(viewer: Client) -> None:
    rule = RuleFactory.create(conditions=CT)
    for conditions in (MR, []):
        rule.conditions = conditions
        save_rule(rule, destinations=[])

    html = viewer.get(f"/rules/{rule.pk}/compare/?from=1&to=2").content.decode()
    assert "Condition removed: Modality is CT" in html
    last = viewer.get(f"/rules/{rule.pk}/compare/?from=x").context
    assert (last["old"].number, last["new"].number) == (2, 3)


def test_what_a_rule_in_shadow_would_have_taken(viewer: Client) -> None:
    rule = RuleFactory.create(mode="shadow")
    version = rule.versions.get()
    instance = InstanceFactory.create()
    now = timezone.now()
    for days, match in ((0, instance), (2, InstanceFactory.create(series=instance.series)), (9, None)):
        extra = {"instance": match} if match else {}
        ShadowMatchFactory.create(rule_version=version, at=now - timedelta(days=days), **extra)

    answer = viewer.get(f"/rules/{rule.pk}/shadow/")

    assert [(each.studies, each.instances) for each in answer.context["shadow"]] == [(1, 1), (1, 2)]
    assert [study.instance_count for study in answer.context["studies"]] == [2, 1]


def test_findings_stand_on_the_list_and_in_the_editor(administrator: Client) -> None:
    destination = DestinationFactory.create(name="PACS", is_enabled=False)
    rule = RuleFactory.create(to=[destination])

    for address in ("/rules/", f"/rules/{rule.pk}/", f"/rules/{rule.pk}/edit/"):
        assert "PACS is off" in administrator.get(address).content.decode(), address
    saved = administrator.post(f"/rules/{rule.pk}/edit/", form(destinations=[destination.pk]), follow=True)
    assert "is saved as version 2" in saved.content.decode(), "a warning does not block"
