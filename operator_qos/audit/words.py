"""What the actions of the trail are called."""

from __future__ import annotations

from operator_qos.i18n import lazy_gettext as _

ACTION_NAMES = {
    "evaluation.run": _("Official run"), "standard.draft": _("Draft of a standard"),
    "standard.delete": _("Draft of a standard deleted"), "standard.publish": _("Standard published"),
    "standard.retire": _("Standard retired"), "standard.trial": _("Standard on trial"),
    "shop.describe": _("What is said of a shop"), "shop.calendar_set": _("Opening hours set"),
    "shop.absence_set": _("Time out of office"), "user.added": _("Account added"),
    "user.password_changed": _("Password changed"), "user.profile_changed": _("Name or language changed"),
    "user.invited": _("Person invited"), "user.invitation_sent": _("Invitation sent again"),
    "user.joined": _("First password set"), "user.reset_asked": _("Link for a new password sent"),
    "user.role_changed": _("Role changed"), "user.reopened": _("Account opened again"),
    "user.deactivated": _("Account closed"), "key.created": _("Key of a program made"),
    "key.revoked": _("Key of a program revoked"), "hook.added": _("Webhook added"),
    "hook.stopped": _("Webhook stopped"), "hook.requeued": _("Webhook told again"), "message.sent": _("Message sent"),
    "dispute_policy.published": _("Dispute policy published"), "mail_text.saved": _("Text of mails changed"),
    "mail_text.reset": _("Text of mails set back to ours"), "mail.requeued": _("Mail sent again"),
    "act.propose": _("Act proposed by a person"), "act.release": _("Held act released"),
    "act.approve": _("Act approved by the first of two"), "act.refuse": _("Held act refused"),
    "act.undo": _("Act undone"), "act.confirm": _("Act confirmed by the marketplace"),
    "act.adapter": _("Way to the marketplace chosen"), "exclusion.asked": _("Exclusion asked for"),
    "mapping.saved": _("Mapping saved"), "import.uploaded": _("File brought for import"),
    "import.started": _("Import started"), "import.dropped": _("Import dropped"),
    "quarantine.landed": _("Row set aside repaired"), "quarantine.dismissed": _("Row set aside given up"),
    "exclusion.decided": _("Exclusion decided"), "exclusion.ended": _("Exclusion taken back"),
    "exclusion.appealed": _("Refused exclusion contested"), "appeal.file": _("Appeal filed"),
    "appeal.admit": _("Appeal admitted"), "appeal.refuse": _("Appeal not admitted"),
    "appeal.decide": _("Appeal decided"),
    "badge.key_made": _("Key of public badges made"), "badge.switched_on": _("Public badge switched on"),
    "badge.switched_off": _("Public badge switched off"), "badge.revoke": _("Public badge revoked"),
    "badge.restore": _("Public badge given back"), "connection.added": _("Platform connected"),
    "connection.paused": _("Connection paused"), "connection.resumed": _("Connection resumed"),
    "connection.asks": _("What a platform is asked for automatically"),
    "connection.read_asked": _("Reading of a platform asked for"), "platform.asked": _("Platform asked"),
    "note.written": _("Note on a shop written"), "note.removed": _("Note on a shop removed"),
}


def action_name(action: str) -> str:
    """In words, empty where there are none but the action's own."""
    return str(ACTION_NAMES.get(action, ""))
