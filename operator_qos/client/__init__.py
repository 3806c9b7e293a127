"""A small client for programs that send events and carry out acts: typed, on the standard library alone.

    from operator_qos.client import Client, Event

    client = Client("https://qos.example.org", key="qos_…")
    result = client.send_events([Event("qos.order.accepted", "/shops/lyon", "42", at, "order-7", "halle-fr", "lyon")])

What cannot be delivered now is tried again as the server asks for; an event sent twice counts once.
"""

from operator_qos.client.calls import Act, ApiError, Client, Receipt, SendResult, Total, Unreachable
from operator_qos.client.documents import Event

__all__ = ["Act", "ApiError", "Client", "Event", "Receipt", "SendResult", "Total", "Unreachable"]
