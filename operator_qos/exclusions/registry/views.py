"""The register of what was forgiven, for sellers and for the operator's people."""

from __future__ import annotations

from flask import Blueprint

from operator_qos.exclusions import phrases
from operator_qos.exclusions.forms import build_cause
from operator_qos.exclusions.registry.queries import FEWEST_SELLERS, count_sellers, read_register
from operator_qos.exclusions.rules import CATALOGUE
from operator_qos.pages import show
from operator_qos.permissions import OPERATOR, SELLER, people
from operator_qos.web import get_session, now

blueprint = Blueprint("register", __name__)
PERMISSIONS = {
    "register.show_to_seller": people(*SELLER),
    "register.show_to_operator": people(*OPERATOR),
}


@blueprint.get("/seller/register", endpoint="show_to_seller")
@blueprint.get("/operator/register", endpoint="show_to_operator")
def show_register() -> str:
    """What was asked, granted and refused by month and cause; the same for everybody."""
    session = get_session()
    register = read_register(session, now=now())
    return show("exclusions/register.html", register=register, phrases=phrases, few=FEWEST_SELLERS,
                sellers=count_sellers(session, [row.id for row in register.incidents]),
                causes=[build_cause(cause) for cause in CATALOGUE])
