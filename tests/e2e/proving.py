"""What the fictitious hospital did to be sure of its rules: versions, a rule in shadow, back-tests."""

from datetime import timedelta

from django.utils import timezone

from gateway.accounts.models import User
from routing.backtest.models import BackTest, BackTestState, BackTestStudy
from routing.backtest.run import start_back_test, take_turn
from routing.models import Destination, Rule, RuleMode, ShadowMatch
from routing.rules import definition_of, save_rule
from routing.versions import roll_back
from studies.models import Instance, Study


def make_proofs(rules: dict[str, Rule], to: dict[str, Destination]) -> None:
    """Everything, by one author."""
    author = User.objects.get(username="m.lindqvist")
    _change(rules["research"], author)
    _shadow(to["neuro"])
    _back_tests(rules["neuro"], author)


def _change(rule: Rule, author: User) -> None:
    rule.conditions = [
        *rule.conditions[:1],
        {"attribute": "SliceThickness", "operator": "less", "value": "1.0"},
        {
            "none": [
                {"attribute": "StudyDescription", "operator": "contains", "value": "private"},
                {"attribute": "InstitutionName", "operator": "matches", "value": "*Clinic*"},
            ]
        },
    ]
    rule.actions = [
        {"action": "set", "attribute": "InstitutionName", "value": "Research site 2"},
        {"action": "deidentify", "profile": "basic", "project": "2026-14"},
    ]
    save_rule(rule, destinations=rule.destinations.all(), author=author, reason="Study protocol, amendment 2")
    roll_back(rule, 1, author=author)
    rule.conditions[1]["value"] = "1.25"
    rule.actions = [{"action": "deidentify", "profile": "basic", "project": "2026-14"}]
    save_rule(
        rule, destinations=rule.destinations.all(), author=author, reason="Amendment 3, as agreed with dr. Moreau"
    )


def _shadow(destination: Destination) -> None:
    rule = Rule(
        name="Knees to the trial",
        order=60,
        conditions=[{"attribute": "BodyPartExamined", "operator": "equals", "value": "KNEE"}],
        mode=RuleMode.SHADOW,
        comment="Watched until December, then live",
    )
    version = save_rule(rule, destinations=[destination])
    knees = Instance.objects.filter(series__body_part_examined="KNEE")
    ShadowMatch.objects.bulk_create(
        [ShadowMatch(instance=instance, rule_version=version, at=instance.received_at) for instance in knees],
        batch_size=500,
    )


def _back_tests(rule: Rule, author: User) -> None:
    """One that has ended, and one in the middle."""
    rule.conditions = [
        {"attribute": "Modality", "operator": "in", "value": ["CT", "MR"]},
        {"attribute": "BodyPartExamined", "operator": "in", "value": ["HEAD", "KNEE"]},
        {"none": [{"attribute": "StudyDescription", "operator": "contains", "value": "angio"}]},
    ]
    definition = definition_of(rule, rule.destinations.all(), [])
    rule.refresh_from_db()
    done = start_back_test(definition, rule=rule, days=30, author=author)
    while take_turn(done.pk):
        pass
    running = start_back_test(definition, rule=rule, days=365, author=author)
    found = list(done.studies.all())
    BackTestStudy.objects.bulk_create(
        BackTestStudy(
            back_test=running,
            study_id=row.study_id,
            by_draft=row.by_draft,
            by_live=row.by_live,
            instance_count=row.instance_count,
        )
        for row in found
    )
    judged = Study.objects.count()
    BackTest.objects.filter(pk=running.pk).update(
        state=BackTestState.RUNNING,
        total=judged * 3,
        judged=judged,
        matched=sum(row.by_draft for row in found),
        differing=sum(row.by_draft != row.by_live for row in found),
        lease_token="lease",
        lease_until=timezone.now() + timedelta(hours=1),
    )
