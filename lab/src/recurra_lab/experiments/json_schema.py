"""The JSON schema of experiment files, for editors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from recurra.config.describe import accepts_none
from recurra.config.options import fields_of, part_kind
from recurra.config.ref import Ref
from recurra.errors import BrokenComponent
from recurra.plugins import registry
from recurra.plugins.hooks import Kind
from recurra_lab.experiments.experiment import Experiment
from recurra_lab.extensions.choices import sound_alternatives

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def experiment_schema(task: str | None = None, cell: str | None = None) -> Schema:
    """Return the JSON schema (draft 2020-12) of an experiment file.

    Args:
        task: The only accepted task, which the file need not name; None accepts every installed task.
        cell: The same for the cell.

    Raises:
        UnknownComponent: There is no such task or cell.
    """
    definitions = _Definitions({"task": task, "cell": cell})
    root = definitions.table(Experiment, "")
    return {"$schema": DIALECT, "title": "recurra experiment", **root, "$defs": definitions.found}


class _Definitions:
    """Schemas of tables by name: one for each component, and for each alternative of an option."""

    def __init__(self, only: Mapping[str, str | None]) -> None:
        self.found: dict[str, Schema] = {}
        self.only, self.defaults = only, {"trainer": registry.default("trainer"), **only}

    def table(self, owner: type, home: str, name: str = "") -> Schema:
        """Return the schema of the options of one class; `home` prefixes the names of its definitions."""
        fields = {n: f for n, f in fields_of(owner).items() if not (name and n == "name")}
        properties = {n: self._option(f, f"{home}.{n}".strip(".")) for n, f in fields.items()}
        if name:
            properties = {"name": {"const": name}, **properties}
        needed = [n for n, f in fields.items() if home and f.default is PydanticUndefined]
        required = {"required": needed} if needed else {}
        return {"type": "object", "properties": properties, **required, "additionalProperties": False}

    def _option(self, field: FieldInfo, home: str) -> Schema:
        described = {"description": field.description} if field.description else {}
        kind, models = part_kind(field), sound_alternatives(field)
        if kind is not None:
            default = field.default.name if isinstance(field.default, Ref) else self.defaults.get(home)
            chosen = dict(self._components(kind, self.only.get(home)))
            return described | self._choice(chosen, default, field)
        if "" in models:
            return described | self.table(models[""], home)
        if models:
            chosen = {n: self._define(f"{home}.{n}", m, n) for n, m in models.items()}
            default = next((n for n, m in models.items() if type(field.default) is m), None)
            return described | self._choice(chosen, default, field)
        return _plain(field)

    def _components(self, kind: Kind, only: str | None) -> Iterator[tuple[str, str]]:
        """Yield the name and the definition of each component, except broken ones."""
        offers = registry.components(kind)
        times = Counter(offer.component.name for offer in offers)
        for offer in [registry.find(kind, only)] if only else offers:
            name = only or (offer.qualified if times[offer.component.name] > 1 else offer.component.name)
            try:
                yield name, self._define(f"{kind}.{name}", registry.load(kind, name), name)
            except BrokenComponent:
                continue

    def _define(self, home: str, owner: type, name: str) -> str:
        if home not in self.found:
            self.found[home] = {}  # placeholder: components can nest recursively
            self.found[home] = self.table(owner, home, name) | {"title": name}
        return home

    def _choice(self, homes: Mapping[str, str], default: str | None, field: FieldInfo) -> Schema:
        """Allow a bare name if no option is required, and a table, without a name for the default."""
        bare = [name for name, home in homes.items() if "required" not in self.found[home]]
        names = [*bare, *(["none"] if accepts_none(field.annotation) else [])]
        tables: list[Schema] = [{"$ref": f"#/$defs/{home}", "required": ["name"]} for home in homes.values()]
        if default is not None and default in homes:
            tables.append({"$ref": f"#/$defs/{homes[default]}", "not": {"required": ["name"]}})
        return {"oneOf": [{"enum": names}, *tables]}


def _plain(field: FieldInfo) -> Schema:
    config = ConfigDict(arbitrary_types_allowed=True)
    model: type[BaseModel] = create_model(
        "Option", __config__=config, value=(Any if field.annotation is None else field.annotation, field)
    )
    try:
        schema: Schema = model.model_json_schema()["properties"]["value"]
    except PydanticInvalidForJsonSchema:
        return {"description": field.description or ""}
    kept: Schema = _without_null(schema)
    return {key: value for key, value in kept.items() if key != "title" and value is not None}


def _without_null(schema: Any) -> Any:
    """Replace null by "none", since TOML has no null."""
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "null":
        return {"const": "none"}
    return {key: value if key == "default" else _without_null(value) for key, value in schema.items()}
