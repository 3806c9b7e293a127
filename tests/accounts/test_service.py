"""People and keys below the pages."""

from __future__ import annotations

from argon2 import PasswordHasher
from sqlalchemy import Engine, select

from operator_qos.accounts.actors import COMMAND_LINE, SELLER_ROLES
from operator_qos.accounts.queries import find_machine, find_user, hash_key, list_active_users
from operator_qos.accounts.service import NewUser, add_user, create_key, renew_hash, sign_in
from operator_qos.db import reading, unit_of_work
from operator_qos.models import ApiKey, User
from tests.web.fixtures import NOW, PASSWORD, PEOPLE, SET_HASHER

EMAIL = PEOPLE["analyst"][0]


def test_passwords_are_kept_as_argon2id_and_never_twice_the_same(world: Engine) -> None:
    with unit_of_work(world) as session:
        for name in ("a", "b"):
            new = NewUser(f"{name}@x.example", PASSWORD, name, "analyst")
            add_user(session, new, actor=COMMAND_LINE, now=NOW)
        query = select(User.password_hash).where(User.email.like("%@x.example"))
        hashes = list(session.scalars(query))
    assert len(set(hashes)) == 2
    assert all(kept.startswith("$argon2id$") for kept in hashes)


def test_hashing_costs_whoever_guesses_at_least_what_owasp_asks() -> None:
    assert SET_HASHER.memory_cost >= 19 * 1024  # [KiB]
    assert SET_HASHER.time_cost >= 2


def test_a_hash_of_an_older_kind_is_renewed(world: Engine) -> None:
    weak = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    with unit_of_work(world) as session:
        user = find_user(session, EMAIL)
        assert user is not None
        user.password_hash = weak
        found = sign_in(session, email=EMAIL, password=PASSWORD)
        assert found is not None
        assert found.has_old_hash
        renew_hash(session, email=EMAIL, password=PASSWORD)
        again = sign_in(session, email=EMAIL, password=PASSWORD)
        assert again is not None
        assert not again.has_old_hash


def test_a_broken_hash_lets_nobody_in(world: Engine) -> None:
    with unit_of_work(world) as session:
        user = find_user(session, EMAIL)
        assert user is not None
        user.password_hash = "not a hash"
        assert sign_in(session, email=EMAIL, password=PASSWORD) is None


def test_a_key_is_found_by_its_digest_and_never_stored(world: Engine) -> None:
    with unit_of_work(world) as session:
        key = create_key(
            session, name="feed", scope="ingest", marketplace_id="halle-fr", actor=COMMAND_LINE, now=NOW
        )
        stored = session.scalars(select(ApiKey)).one()
        assert stored.key_hash == hash_key(key)
        assert key not in str(vars(stored))
        machine = find_machine(session, key, now=NOW)
        assert machine is not None
        assert (machine.name, machine.marketplace_id) == ("feed", "halle-fr")
        assert find_machine(session, key + "x", now=NOW) is None


def test_readers_of_a_company_are_found_by_role(world: Engine) -> None:
    with reading(world) as session:
        company = list_active_users(session, roles=SELLER_ROLES, seller_id=1)
        assert [actor.name for actor in company] == ["Claire Morvan", "Yann Lebrun"]
        assert len(list_active_users(session, roles=SELLER_ROLES)) == 3
