"""What roles are called on pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operator_qos.i18n import lazy_gettext as _

ROLE_NAMES: Mapping[str, Any] = {
    "admin": _("operator, administrator"), "analyst": _("operator, analyst"), "seller_owner": _("seller, owner"),
    "seller_staff": _("seller, staff"), "mediator": _("mediator"),
}
# The other role of the same side; who has none keeps the role.
OTHER_ROLES: Mapping[str, tuple[str, Any]] = {
    "admin": ("analyst", _("Make analyst")), "analyst": ("admin", _("Make administrator")),
    "seller_owner": ("seller_staff", _("Make staff")), "seller_staff": ("seller_owner", _("Make owner")),
}
SIDE_NAMES: Mapping[str, Any] = {
    "operator": _("the operator"), "mediators": _("mediators"), "sellers": _("sellers"),
}
