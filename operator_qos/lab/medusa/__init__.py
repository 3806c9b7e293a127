"""The fake Medusa with Mercur's sellers: an admin API and a sender of signed webhooks."""
