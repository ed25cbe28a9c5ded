"""What a back-test found, as a download: for its page and for the API."""

from django.http import StreamingHttpResponse

from routing.backtest.models import BackTest
from routing.backtest.results import csv_lines


def csv_response(back_test: BackTest, outcome: str) -> StreamingHttpResponse:
    """A file that streams; its name says which back-test, and nothing of patients."""
    response = StreamingHttpResponse(csv_lines(back_test, outcome), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="back-test-{back_test.pk}-{outcome}.csv"'
    return response
