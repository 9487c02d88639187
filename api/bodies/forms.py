"""Several picture files in one form: `multipart/form-data`."""

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import File, parse_options_header

from sdb_service.errors import Malformed, TooLarge

FORM = "multipart/form-data"

_LIMITS = {"MAX_MEMORY_FILE_SIZE": 2**40, "MAX_FIELD_SIZE": 4096}  # nothing goes to disk: the body is in memory already


def files_of(body: bytes, content_type: str, *, max_images: int) -> list[bytes]:
    """The files of a form in their order, whatever their fields are called.

    Raises:
        Malformed: no form, or one without files. TooLarge: too many.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise Malformed("form_unreadable", "The form names no boundary; let the HTTP library write its Content-Type.")
    found: list[bytes] = []

    def keep(file: File) -> None:
        if len(found) == max_images:
            raise TooLarge("batch_too_large", f"A request carries 1 to {max_images} images; this one has more.")
        file.file_object.seek(0)
        found.append(file.file_object.read())

    is_whole: list[bool] = []
    try:
        parser = FormParser(FORM, None, keep, on_end=lambda: is_whole.append(True), boundary=boundary, config=_LIMITS)
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Malformed("form_unreadable", "The body is no whole form; send it with an HTTP library.") from error
    if not is_whole:
        raise Malformed("form_unreadable", "The form breaks off before its end; send it again.")
    if not found:
        raise Malformed("form_empty", "The form holds no files; send each picture as a file of its own.")
    return found
