"""Ask this Gantry's own archive, as C-FIND and QIDO-RS ask it."""

import json

from django.conf import settings
from django.db import DatabaseError, connection

from spanner.answers import Row
from spanner.errors import SourceFailed
from spanner.models import Source
from spanner.question import Question
from spanner.slices import Batch
from studies.errors import InvalidQuery
from studies.query.dicom_json import JsonRows
from studies.query.keys import BY_TAG
from studies.query.question import question as archive_question
from studies.query.search import Search


def ask(source: Source, question: Question, seconds: float) -> Batch:
    """Put one question to the archive.

    Args:
        source: of the kind LOCAL.
        question: attributes that the archive does not index are left out, as an archive does.
        seconds: not looked at: the database has its own limit.

    Raises:
        SourceFailed: the database does not answer.
    """
    matchers = {BY_TAG[tag]: matcher for tag, matcher in question.matchers().items() if tag in BY_TAG}
    keys = [BY_TAG[tag] for tag in question.tags if tag in BY_TAG]
    rows: list[Row] = []
    try:
        search = Search(archive_question(question.level, matchers, keys))
        encode = JsonRows(search, root="", retrieve_ae_title=settings.GANTRY.ae_title)
        for page in search.pages():
            rows += (json.loads(encode.one(row)) for row in page)
            if len(rows) > source.result_limit:
                return Batch(rows[: source.result_limit], is_cut=True)
    except InvalidQuery as error:
        raise SourceFailed(str(error), is_alive=True) from error
    except DatabaseError as error:
        connection.close()  # it may be of no use any more
        raise SourceFailed("the database does not answer now", rows) from error
    return Batch(rows, is_cut=False)
