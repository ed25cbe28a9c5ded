"""JSON bodies of the API, within limits: the REST framework itself would read a body of any size and depth."""

import json
from typing import Any

from django.conf import settings
from rest_framework import exceptions, parsers


class TooLarge(exceptions.APIException):
    """The body is larger than any request of this API has reason to be."""

    status_code = 413
    default_detail = "The body of the request is too large."


class BoundedJSONParser(parsers.JSONParser):
    """JSON up to ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Read the body.

        Raises:
            TooLarge: before a byte of it is read; one without Content-Length is empty to Django.
            ParseError: it is not JSON, nested too deeply, or holds text that is none.
        """
        length = parser_context["request"].META.get("CONTENT_LENGTH") or "0"
        if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge
        try:
            given = super().parse(stream, media_type, parser_context)
            # Python takes halves of surrogate pairs for text; no database and no answer does.
            json.dumps(given, ensure_ascii=False).encode()
        except RecursionError as error:
            raise exceptions.ParseError("The JSON is nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise exceptions.ParseError("The JSON holds text that is no Unicode.") from error
        return given
