"""People on pages: lists, invitations, roles, and the mailed links by which passwords are set."""
