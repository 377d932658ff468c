"""How the SDK's files are answered: packed as the browser takes them, with an entity tag, for any page to read."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.utils.http import parse_etags

from tenants.api_errors import ApiError, error_body
from truepush.lib.encodings import Encoded, choose

JAVASCRIPT = "text/javascript; charset=utf-8"


def served(request: HttpRequest, file: Encoded, content_type: str, cache_control: str) -> HttpResponse:
    """Answer the file, or 304 to whoever has this form of it."""
    coding = choose(request.headers.get("Accept-Encoding", ""))
    tag = file.tag(coding)
    # Compared weakly (RFC 9110 section 13.1.2): what packs on the way marks our tag as weak.
    known = {one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))}
    if tag in known:
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(file.packed(coding), content_type=content_type)
        answer["Cross-Origin-Resource-Policy"] = "cross-origin"
        if coding:
            answer["Content-Encoding"] = coding
    answer["ETag"] = tag
    answer["Vary"] = "Accept-Encoding"
    answer["Cache-Control"] = cache_control
    return answer


def open_to_all(answer: HttpResponse) -> HttpResponse:
    """Let pages of any origin read it; scripts by tags and importScripts do not ask for that."""
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


def refused(error: ApiError) -> HttpResponse:
    answer = open_to_all(JsonResponse(error_body(error), status=error.status))
    answer["Cache-Control"] = "no-store"
    return answer
