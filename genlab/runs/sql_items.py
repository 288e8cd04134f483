"""The items of a run store in a database: rooms, claim links, and who owns what."""

from __future__ import annotations

import json
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from genlab.core.errors import RunStateError
from genlab.runs import access
from genlab.runs.database import Database
from genlab.runs.items import NO_OFFER, WITH_ROOM, Item, Key
from genlab.runs.schema import items, jobs, runs
from genlab.runs.sql_jobs import dump_json


class ItemTable(Database):
    """The part of the store that keeps items and passes things on."""

    @staticmethod
    def _item(row: Any) -> Item:
        values = json.loads(row["values"])
        return Item(row["kind"], row["id"], values, row["owner"], row["created"], row["expires"])

    def _item_in(self, connection: Connection, kind: str, name: str) -> Item | None:
        query = sa.select(items).where(items.c.kind == kind, items.c.id == name)
        row = connection.execute(query).mappings().first()
        return None if row is None else self._item(row)

    def put_item(
        self, item: Item, *, action: str, only_new: bool = False, while_open: Key | None = None
    ) -> bool:
        try:
            return self._put(item, action, only_new, while_open)
        except IntegrityError:
            # Somebody else put one of this name in between: now there is one.
            return self._put(item, action, only_new, while_open)

    def _put(self, item: Item, action: str, only_new: bool, while_open: Key | None) -> bool:
        here = sa.and_(items.c.kind == item.kind, items.c.id == item.id)
        content = {"values": dump_json(dict(item.values)), "expires": item.expires}
        with self._writing() as connection:
            old = sa.and_(items.c.expires > 0.0, items.c.expires <= time.time())
            connection.execute(items.delete().where(items.c.kind == item.kind, old))
            if while_open is not None and not self._hold(connection, while_open):
                return False
            known = self._item_in(connection, item.kind, item.id)
            if known is not None and only_new:
                return False
            if known is not None:
                access.require(action, known.owner)
                connection.execute(items.update().where(here).values(content))
                return True
            owner = access.require(action, access.acting().id).id
            new = {"kind": item.kind, "id": item.id, "owner": owner, "created": time.time()}
            connection.execute(items.insert().values({**new, **content}))
        return True

    @staticmethod
    def _hold(connection: Connection, key: Key) -> bool:
        """Whether an item is open; until the transaction ends nobody removes it."""
        lasts = sa.or_(items.c.expires == 0.0, items.c.expires > time.time())
        here = sa.and_(items.c.kind == key[0], items.c.id == key[1], lasts)
        # SQLite has one writer at a time and ignores the lock of the row.
        query = sa.select(items.c.id).where(here).with_for_update(read=True)
        return connection.execute(query).first() is not None

    def item(self, kind: str, name: str) -> Item | None:
        with self._reading() as connection:
            found = self._item_in(connection, kind, name)
        return None if found is None or found.has_expired() else found

    def items(self, kind: str, prefix: str = "") -> list[Item]:
        here = sa.and_(items.c.kind == kind, items.c.id.startswith(prefix, autoescape=True))
        query = sa.select(items).where(here).order_by(items.c.created, items.c.id)
        with self._reading() as connection:
            found = [self._item(row) for row in connection.execute(query).mappings()]
        return [one for one in found if not one.has_expired()]

    def remove(self, kind: str, name: str, *, action: str) -> bool:
        with self._writing() as connection:
            known = self._item_in(connection, kind, name)
            if known is None:
                return False
            access.require(action, known.owner)
            connection.execute(items.delete().where(items.c.kind == kind, items.c.id == name))
        return True

    def accept(self, offer: str) -> Item:
        actor = access.require("claim")
        with self._writing() as connection:
            found = self._item_in(connection, "offer", offer)
            if found is None or found.has_expired():
                raise RunStateError(NO_OFFER)
            self._pass(connection, found, actor.id)
            here = sa.and_(items.c.kind == "offer", items.c.id == offer)
            connection.execute(items.delete().where(here))
        return found

    @staticmethod
    def _pass(connection: Connection, offer: Item, to: str) -> None:
        """Write the new owner, where the offer's owner still is the owner."""
        kind, name = offer.values["kind"], offer.values["id"]
        if kind == "all":
            for table in (runs, jobs, items):
                change = table.update().where(table.c.owner == offer.owner)
                connection.execute(change.values(owner=to))
            return
        if kind == "run":
            change = runs.update().where(runs.c.id == name)
            owner_column = runs.c.owner
        else:
            change = items.update().where(items.c.kind == kind, items.c.id == name)
            owner_column = items.c.owner
        of = str(offer.values["owner"])
        if connection.execute(change.where(owner_column == of).values(owner=to)).rowcount != 1:
            raise RunStateError(NO_OFFER)
        if kind == "room":
            asked = sa.and_(items.c.kind.in_(WITH_ROOM), items.c.id.startswith(name))
            connection.execute(items.update().where(asked, items.c.owner == of).values(owner=to))
