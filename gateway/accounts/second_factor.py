"""Codes of an authenticator app (TOTP, RFC 6238) as second factor, and recovery codes for who has lost it."""

import base64
import secrets
import time

import pyotp
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from dicomnet.web.secrets import SecretUnusable, seal, unseal
from gateway.accounts import attempts
from gateway.accounts.models import RecoveryCode, User

STEP_SECONDS = 30
TOLERATED_STEPS = 1  # a phone's clock may be half a minute off
RECOVERY_CODES = 10
# Where codes are tried from does not matter: who tries them knows the password. So there is one count for each user.
ANYWHERE = "second factor"


def has_factor(user: User) -> bool:
    """Whether a code is asked for when this user signs in."""
    return user.totp_confirmed_at is not None


def must_set_up(user: User) -> bool:
    """Whether this installation wants a second factor of a user who has none (GANTRY_SECOND_FACTOR)."""
    wanted = settings.GANTRY.second_factor
    return not has_factor(user) and (wanted == "everyone" or (wanted == "administrators" and user.is_administrator))


def begin(user: User) -> str:
    """The address that an app reads as QR code; it stays the same until the factor is confirmed."""
    secret = _secret_of(user)
    if secret is None:
        secret = pyotp.random_base32()
        user.totp_secret = seal(secret, place=_place(user))
        user.save(update_fields=["totp_secret"])
    issuer = f"Gantry {settings.GANTRY.ae_title}"
    return pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name=issuer)


def confirm(user: User, code: str) -> list[str] | None:
    """From now on a code is asked for, once the first one is right.

    Returns:
        Recovery codes, to be shown once; None when the code is wrong.
    """
    if has_factor(user) or not _take_step(user, code):
        return None
    with transaction.atomic():
        user.totp_confirmed_at = timezone.now()
        user.save(update_fields=["totp_confirmed_at"])
        return renew_recovery_codes(user)


def remove(user: User) -> None:
    """No code is asked for any more."""
    with transaction.atomic():
        user.totp_secret, user.totp_confirmed_at, user.totp_last_step = "", None, 0
        user.save(update_fields=["totp_secret", "totp_confirmed_at", "totp_last_step"])
        RecoveryCode.objects.filter(user=user).delete()


def is_right(user: User, code: str) -> bool:
    """Whether a code of the app or a recovery code is right; each is right once.

    Raises:
        SignInLocked: there were too many wrong ones.
    """
    name = user.get_username()
    attempts.take(name, ANYWHERE)
    if not (_take_step(user, code) or _take_recovery_code(user, code)):
        attempts.fail(name, ANYWHERE)
        user_login_failed.send(__name__, credentials={"username": name}, request=None)
        return False
    attempts.forget(name, ANYWHERE)
    return True


def renew_recovery_codes(user: User) -> list[str]:
    """Ten new codes in place of what is left of the old ones; only their hashes are kept."""
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        RecoveryCode.objects.bulk_create(RecoveryCode(user=user, hashed=_hashed(user, code)) for code in codes)
    return codes


def readable_secret(user: User) -> str:
    """The secret in groups of four, for who cannot scan."""
    secret = _secret_of(user) or ""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def _take_step(user: User, code: str) -> bool:
    """Whether it is the code of about now; it and all before it are used up, also for who looked over a shoulder."""
    secret, digits = _secret_of(user), code.replace(" ", "")
    if secret is None or not (digits.isascii() and digits.isdecimal()):
        return False
    now, totp = int(time.time()) // STEP_SECONDS, pyotp.TOTP(secret)
    for step in range(now - TOLERATED_STEPS, now + TOLERATED_STEPS + 1):
        if pyotp.utils.strings_equal(digits, totp.generate_otp(step)):
            # Conditional: of two who send the same code at the same moment one gets in.
            return bool(User.objects.filter(pk=user.pk, totp_last_step__lt=step).update(totp_last_step=step))
    return False


def _take_recovery_code(user: User, code: str) -> bool:
    deleted, _ = RecoveryCode.objects.filter(user=user, hashed=_hashed(user, code)).delete()
    return bool(deleted)


def _secret_of(user: User) -> str | None:
    """None: there is none, or none that a key decrypts; a recovery code or an administrator helps then."""
    try:
        return unseal(user.totp_secret, place=_place(user)) if user.totp_secret else None
    except SecretUnusable:
        return None


def _place(user: User) -> str:
    # A row's secret copied into another row must not open that account.
    return f"second factor of user {user.pk}"


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def _hashed(user: User, code: str) -> str:
    """Eighty random bits need no slow hash; whoever has the database alone lacks the key."""
    plain = code.strip().lower().replace("-", "").replace(" ", "")
    return salted_hmac(f"gateway.accounts.recovery.{user.pk}", plain, algorithm="sha256").hexdigest()
