"""Source addresses: `scheme:rest?option=value&option=value`."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from instrd.daemon.errors import SourceError

RateHz = Annotated[int, Meta(ge=1_000, le=384_000)]
Options = TypeVar("Options", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class SourceUri:
    """An address taken apart."""

    text: str
    scheme: str
    rest: str
    """All that follows the scheme's colon."""

    @property
    def name(self) -> str:
        """What stands between the colon and the options."""
        return self.rest.partition("?")[0]

    def options(self, kind: type[Options]) -> Options:
        """Return what follows the question mark, as a struct of type `kind`."""
        _, _, query = self.rest.partition("?")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
            return msgspec.convert(dict(pairs), kind, strict=False)
        except ValueError as error:
            allowed = ", ".join(_option(field) for field in msgspec.structs.fields(kind))
            raise SourceError(f"source {self.text}: {error}; options are {allowed}") from error


def _option(field: msgspec.structs.FieldInfo) -> str:
    """Return an option with what it may be, where that is one of a few."""
    few = get_args(field.type) if get_origin(field.type) is Literal else ()
    return f"{field.name} ({', '.join(few)})" if few else field.name


def parse(text: str) -> SourceUri:
    """Take an address apart; without a colon all of it is the scheme."""
    scheme, _, rest = text.partition(":")
    return SourceUri(text, scheme, rest)
