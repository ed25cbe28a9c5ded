"""The checklist of the dashboard: what an installation has on the way to its first delivery, and what is left to do."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from dicomnet.models import AllowlistEntry
from gateway.accounts.models import User
from gateway.accounts.second_factor import has_factor
from gateway.portal.who import person
from gateway.samples.ask import Progress, ask_for_sample, progress_of
from routing.models import Destination, Rule
from studies.models import Study

SENDING = "studies.add_instance"  # who may bring instances may have one made


@dataclass(frozen=True)
class FirstSteps:
    """Answers that the checklist ticks off.

    Attributes:
        has_factor: whether a code is asked for when this person signs in; None for who is no administrator.
        test: how far his test study has come.
    """

    has_callers: bool
    has_destinations: bool
    has_rules: bool
    has_studies: bool
    has_factor: bool | None
    test: Progress | None

    @property
    def done(self) -> int:
        """How many of the steps are."""
        return sum(map(bool, self._steps()))

    @property
    def total(self) -> int:
        """How many steps there are for this person."""
        return len(self._steps())

    def concerns(self, user: User) -> bool:
        """Whether to show it unasked: nothing is stored, this person can do what is left, or looks at his test."""
        is_left = self.done < self.total and user.is_administrator
        return not self.has_studies or is_left or self.test is not None

    def _steps(self) -> list[bool]:
        every = [self.has_callers, self.has_destinations, self.has_rules, self.has_studies]
        return every if self.has_factor is None else [*every, self.has_factor]


def first_steps(user: User, *, has_studies: bool) -> FirstSteps:
    """What is done; loopback alone is no modality."""
    networks = AllowlistEntry.objects.filter(may_store=True).values_list("network", flat=True)
    return FirstSteps(
        has_callers=any(not network.startswith(("127.", "::1")) for network in networks),
        has_destinations=Destination.objects.exists(),
        has_rules=Rule.objects.exists(),
        has_studies=has_studies,
        has_factor=has_factor(user) if user.is_administrator else None,
        test=progress_of(user),
    )


def steps_context(user: User, *, has_studies: bool) -> dict[str, Any]:
    """What the checklist's template wants; without steps where there is nothing to show."""
    if user.hides_first_steps:
        return {}
    found = first_steps(user, has_studies=has_studies)
    host, port = settings.GANTRY.dicom_bind[:2]
    return {"steps": found, "dicom_host": host, "dicom_port": port} if found.concerns(user) else {}


@require_GET
def show_steps(request: HttpRequest) -> HttpResponse:
    """The checklist alone, for a page that is open already; empty once there is nothing to show."""
    return render(
        request, "portal/_first_steps.html", steps_context(person(request), has_studies=Study.objects.exists())
    )


@require_POST
def hide_steps(request: HttpRequest) -> HttpResponse:
    """Close the checklist for this person, or open it again."""
    user = person(request)
    user.hides_first_steps = "show" not in request.POST
    user.save(update_fields=["hides_first_steps"])
    return HttpResponseRedirect(reverse("dashboard"))


@require_POST
@permission_required(SENDING, raise_exception=True)
def send_test_study(request: HttpRequest) -> HttpResponse:
    """Have a small synthetic study sent through the listener; the checklist shows how far it is."""
    user = person(request)
    ask_for_sample(user)
    if user.hides_first_steps:
        user.hides_first_steps = False
        user.save(update_fields=["hides_first_steps"])
    return HttpResponseRedirect(f"{reverse('dashboard')}#first-steps")
