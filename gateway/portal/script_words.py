"""Texts of the scripts in ``static/js``, which every page brings along for them in its own language."""

from django.utils.translation import gettext_lazy as _

# By the name under which a script reads them; braces hold what it fills in.
WORDS = {
    "now": _("now"),
    "ago": _("{time} ago"),
    "in": _("in {time}"),
    "here": _("{time} here"),
    "copied": _("Copied"),
    "stored": _("stored"),
    "refused": _("refused"),
    "passedOver": _("passed over"),
    "countStored": _("{count} stored"),
    "countRefused": _("{count} refused"),
    "countPassedOver": _("{count} passed over"),
    "sent": _("{done} of {total} sent"),
    "inOneStudy": _("in 1 study"),
    "inStudies": _("in {count} studies"),
    "itsStudy": _("its study"),
    "sessionEnded": _("the session has ended or your role does not allow it; sign in again"),
    "answeredWith": _("the server answered with {status}"),
    "notSent": _("it could not be sent; check the network, or whether the file may be read"),
}
