"""Importers of files: what each file means as events. Nothing here touches a database."""
