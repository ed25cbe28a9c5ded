"""What a rule in shadow would have taken."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from routing.models import Rule, ShadowMatch
from studies.models import Study

PERIODS = {gettext_noop("24 h"): timedelta(hours=24), gettext_noop("7 days"): timedelta(days=7)}


@dataclass(frozen=True)
class ShadowFigure:
    """How much it was in one period, up to now."""

    period: str
    studies: int
    instances: int


def shadow_figures(rule: Rule) -> list[ShadowFigure]:
    """The figures of each period, in one query."""
    now = timezone.now()
    matches = ShadowMatch.objects.filter(rule_version__rule=rule)
    sums = {}
    for number, length in enumerate(PERIODS.values()):
        recent = Q(at__gte=now - length)
        sums[f"instances{number}"] = Count("pk", filter=recent)
        sums[f"studies{number}"] = Count("instance__series__study", filter=recent, distinct=True)
    found = matches.aggregate(**sums)
    return [
        ShadowFigure(period, found[f"studies{number}"], found[f"instances{number}"])
        for number, period in enumerate(PERIODS)
    ]


def shadow_studies(rule: Rule) -> QuerySet[Study]:
    """Studies that it would have taken instances of, with ``instance_count`` and ``matched_at``, the latest first."""
    return (
        Study.objects.filter(series__instances__shadow_matches__rule_version__rule=rule)
        .annotate(
            instance_count=Count("series__instances__shadow_matches"),
            matched_at=Max("series__instances__shadow_matches__at"),
        )
        .order_by("-matched_at", "-pk")
    )
