"""The keys of a raw task that are read at all; every other one is skipped unread.

What a field holds is `fields`' business, so here anything may stand anywhere.
"""

from __future__ import annotations

from typing import Final

import msgspec

from mjwatch._wire import fields
from mjwatch._wire.messages import Malformed

_NULL: Final = msgspec.Raw(b"null")


class RawTask(msgspec.Struct, rename="camel", gc=False):
    """
    The keys of families A, B and C that are read (protocol.md 1.2, 3.2, 4.2); all others are skipped.

    In the order in which B and C write them, for each is first looked for behind the one before.
    """

    id: object = None
    parent_id: object = None
    action: object = None
    status: object = None
    prompt: object = None
    prompt_en: object = None
    description: object = None
    state: object = None
    submit_time: object = None
    start_time: object = None
    finish_time: object = None
    image_url: object = None
    image_urls: object = None
    video_url: object = None
    video_urls: object = None
    progress: object = None
    fail_reason: object = None
    buttons: object = msgspec.UNSET
    seed: object = None
    mode: object = None
    properties: msgspec.Raw = _NULL
    """Read only where it is needed: it is a quarter of a task (`read_final_prompt`)."""


class UsualTask(RawTask):
    """One in which texts are texts and numbers are numbers, so that nothing needs to ask (`usual.py`)."""

    id: str | None = None
    action: str | None = None
    status: str | None = None
    prompt: str | None = None
    prompt_en: str | None = None
    description: str | None = None
    submit_time: int | None = None
    start_time: int | None = None
    finish_time: int | None = None
    image_url: str | None = None
    progress: str | None = None
    fail_reason: str | None = None
    mode: str | None = None


class RawJob(msgspec.Struct, rename="camel"):
    """The keys of an enveloped task that are read (mjdjourney-video-task-completed.json)."""

    task_id: object = None
    id: object = None
    status: object = None
    mode: object = None
    progress: object = None
    prompt: object = None
    image_url: object = None
    image_urls: object = None
    # The same reply spells some keys in camelCase and some in snake_case.
    video_url: object = msgspec.field(default=None, name="video_url")
    video_urls: object = msgspec.field(default=None, name="video_urls")
    enqueue_time: object = msgspec.field(default=None, name="enqueue_time")
    job_type: object = msgspec.field(default=None, name="job_type")
    fail_reason: object = None
    width: object = None
    height: object = None


class _Properties(msgspec.Struct, rename="camel", gc=False):
    final_prompt: object = None


class _Name(msgspec.Struct, rename="camel"):
    id: str | int | None = None
    task_id: str | int | None = None


_TASK: Final = msgspec.json.Decoder(RawTask)
_USUAL: Final = msgspec.json.Decoder(UsualTask)
_JOB: Final = msgspec.json.Decoder(RawJob)
_PROPERTIES: Final = msgspec.json.Decoder(_Properties | None)
_NAME: Final = msgspec.json.Decoder(_Name)
_MALFORMED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

LARGE: Final = 128 << 10
"""No known gateway's task has a tenth of it, in bytes: 4 MiB of empty lists as buttons come to 90 MB and half a second."""
_FIELD: Final = 8 << 10
"""How long a field of a large task may be, in bytes, to be read at all."""


def _fields_of(task: type[msgspec.Struct]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Return what cuts a task into the fields that *task* reads, each of them raw."""
    absent = msgspec.field(default=msgspec.UNSET)
    cut = [(one.name, msgspec.Raw | msgspec.UnsetType, absent) for one in msgspec.structs.fields(task)]
    names = {one.name: one.encode_name for one in msgspec.structs.fields(task)}
    return msgspec.json.Decoder(msgspec.defstruct("_Fields", cut, rename=names))


_TASK_FIELDS: Final = _fields_of(RawTask)
_JOB_FIELDS: Final = _fields_of(RawJob)


def read_task(piece: msgspec.Raw) -> RawTask:
    """
    Return *piece* as a task of families A, B or C, a `UsualTask` where it is one; of duplicate keys the last stands.

    Raises:
        Malformed: it is no JSON object, or has bad text, numbers beyond reason or endless nesting.
    """
    if len(piece) > LARGE:
        piece = _lightened(piece, _TASK_FIELDS)
    try:
        return _USUAL.decode(piece)
    except _MALFORMED:
        return _read_odd_task(piece)


def _read_odd_task(piece: msgspec.Raw) -> RawTask:
    try:
        return _TASK.decode(piece)
    except _MALFORMED as error:
        raise _malformed(piece, error) from None


def read_final_prompt(raw: RawTask) -> object:
    """Return what a task's `properties` say was really asked; None where that cannot be read."""
    try:
        found = _PROPERTIES.decode(raw.properties)
    except _MALFORMED:
        return None
    return None if found is None else found.final_prompt


def read_job(piece: msgspec.Raw) -> RawJob:
    """
    Return *piece* as an enveloped task.

    Raises:
        Malformed: as `read_task`.
    """
    if len(piece) > LARGE:
        piece = _lightened(piece, _JOB_FIELDS)
    try:
        return _JOB.decode(piece)
    except _MALFORMED as error:
        raise _malformed(piece, error) from None


def _lightened(piece: msgspec.Raw, cut: msgspec.json.Decoder[msgspec.Struct]) -> msgspec.Raw:
    """
    Return a large task without the fields that make it so.

    A picture that a gateway put into it is nothing we read, and must not cost the task; what was put there to fill
    our memory is never made into values.

    Raises:
        Malformed: as `read_task`.
    """
    try:
        found = cut.decode(piece)
    except _MALFORMED as error:
        raise _malformed(piece, error) from None
    for name, value in msgspec.structs.asdict(found).items():
        if isinstance(value, msgspec.Raw) and len(value) > _FIELD:
            setattr(found, name, _NULL)
    return msgspec.Raw(msgspec.json.encode(found))


def _malformed(piece: msgspec.Raw, error: Exception) -> Malformed:
    """Return the error, with the id where that much can be read: bad text mostly spoils one other field."""
    try:
        name = _NAME.decode(piece)
    except _MALFORMED:
        name = _Name()
    return Malformed(f"no task: {error}", task_id=fields.loose_id(name.id) or fields.loose_id(name.task_id))
