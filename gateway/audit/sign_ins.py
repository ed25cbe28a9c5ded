"""Sign-ins, failed ones and sign-outs, as Django's signals tell of them: of pages and of the API alike."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from dicomnet.audit import Action, ActorKind, Entry
from gateway.audit.actor import current_actor
from gateway.audit.record import record


def listen() -> None:
    """Connect the receivers."""
    user_logged_in.connect(signed_in, dispatch_uid="audit")
    user_login_failed.connect(failed, dispatch_uid="audit")
    user_logged_out.connect(signed_out, dispatch_uid="audit")


def signed_in(user: Any, **kwargs: Any) -> None:
    """Somebody is in."""
    _record(Action.SIGNED_IN, user.get_username())


def failed(credentials: dict[str, Any], **kwargs: Any) -> None:
    """Name or password was wrong; the name may be that of nobody, or a password that was typed into the wrong field."""
    _record(Action.SIGN_IN_FAILED, str(credentials.get("username", "")))


def signed_out(user: Any, **kwargs: Any) -> None:
    """Somebody has left; a session that ended before belongs to nobody."""
    if user is not None:
        _record(Action.SIGNED_OUT, user.get_username())


def _record(action: Action, name: str) -> None:
    record(Entry(action, actor=name or "(no name)", actor_kind=ActorKind.PERSON, address=current_actor().address))
