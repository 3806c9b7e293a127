"""The people one can sign in as after `make run`."""

from typing import NamedTuple


class DemoAccount(NamedTuple):
    """One sign-in: the passwords are public on purpose and belong to the demo alone."""

    email: str
    password: str
    name: str
    role: str
    language: str
    seller_id: str | None


_OPERATOR, _SELLER, _MEDIATOR = "demo-operator-2026", "demo-seller-2026", "demo-mediator-2026"

DEMO_ACCOUNTS: tuple[DemoAccount, ...] = (
    DemoAccount("ines.caron@operator.example", _OPERATOR, "Inès Caron", "admin", "en", None),
    DemoAccount("jana.vogt@operator.example", _OPERATOR, "Jana Vogt", "analyst", "en", None),
    DemoAccount(
        "claire.morvan@atelier-morvan.example",
        _SELLER,
        "Claire Morvan",
        "seller_owner",
        "fr",
        "atelier-morvan",
    ),
    DemoAccount(
        "yann.lebrun@atelier-morvan.example", _SELLER, "Yann Lebrun", "seller_staff", "fr", "atelier-morvan"
    ),
    DemoAccount(
        "lucia.ferrer@bazar-norte.example", _SELLER, "Lucía Ferrer", "seller_owner", "en", "bazar-norte"
    ),
    DemoAccount("rosa.ibarra@mediators.example", _MEDIATOR, "Rosa Ibarra", "mediator", "en", None),
    DemoAccount("m.keller@mediators.example", _MEDIATOR, "M. Keller", "mediator", "fr", None),
)
