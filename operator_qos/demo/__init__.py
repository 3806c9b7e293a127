"""A deterministic demo marketplace: three sites, sixty shops, fourteen months of events.

Nothing here touches a database: the events go through the same door as anybody's.
"""

from operator_qos.demo.accounts import DEMO_ACCOUNTS, DemoAccount
from operator_qos.demo.generator import generate_events
from operator_qos.demo.plan import DemoPlan, Marketplace, Seller, Shop, demo_plan

__all__ = [
    "DEMO_ACCOUNTS",
    "DemoAccount",
    "DemoPlan",
    "Marketplace",
    "Seller",
    "Shop",
    "demo_plan",
    "generate_events",
]
