"""What columns are called in exports, in six languages: how a column's part in a mapping is guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

# Part → names, the most telling first. Longer names win over shorter ones that they hold.
NAMES: Mapping[str, Sequence[str]] = {
    "order": ("order id", "order number", "order no", "order", "numero de commande", "n commande", "no commande",
              "commande",
              "bestellnummer", "bestell nr", "auftragsnummer", "bestellung", "numero de pedido", "n pedido", "pedido",
              "numero pedido", "numero ordine", "ordine", "encomenda", "purchase order"),
    "placed_at": ("order date", "ordered at", "order placed", "placed at", "purchase date", "date de commande",
                  "date commande", "commande le", "commandee le", "bestelldatum", "bestellt am", "fecha de pedido",
                  "fecha pedido", "data ordine", "data do pedido", "data da encomenda", "order created"),
    "accepted_at": ("accepted at", "acceptance date", "date d acceptation", "acceptee le", "angenommen am",
                    "fecha de aceptacion", "data accettazione", "data de aceitacao"),
    "ship_by": ("ship by", "ship before", "latest ship date", "shipping deadline", "a expedier avant",
                "date limite d expedition", "versenden bis", "versand bis", "enviar antes de", "fecha limite de envio",
                "spedire entro", "enviar ate"),
    "shipped_at": ("shipped at", "ship date", "shipped on", "shipping date", "dispatched", "date d expedition",
                   "date expedition", "expedie le", "expediee le", "versanddatum", "versendet am", "verschickt am",
                   "fecha de envio", "enviado el", "data spedizione", "spedito il", "data de envio", "enviado em"),
    "deliver_by": ("deliver by", "delivery deadline", "estimated delivery", "promised delivery", "a livrer avant",
                   "livraison prevue", "liefern bis", "lieferung bis", "entregar antes de", "entrega prevista",
                   "consegnare entro", "entregar ate"),
    "delivered_at": ("delivered at", "delivery date", "delivered on", "date de livraison", "livre le", "livree le",
                     "lieferdatum", "geliefert am", "zugestellt am", "fecha de entrega", "entregado el",
                     "data consegna", "consegnato il", "data de entrega", "entregue em"),
    "cancelled_at": ("cancelled at", "canceled at", "cancellation date", "cancelled on", "date d annulation",
                     "annulee le",
                     "annule le", "storniert am", "stornodatum", "fecha de cancelacion", "cancelado el",
                     "data annullamento", "annullato il", "data de cancelamento"),
    "cancelled_by": ("cancelled by", "canceled by", "annule par", "annulee par", "storniert von", "cancelado por",
                     "annullato da"),
    "refunded_at": ("refunded at", "refund date", "date de remboursement", "rembourse le", "erstattet am",
                    "fecha de reembolso", "data rimborso", "data de reembolso"),
    "refund": ("refund amount", "refunded amount", "montant rembourse", "erstattungsbetrag", "importe reembolsado",
               "importo rimborsato", "valor reembolsado"),
    "shop": ("shop id", "shop", "store", "seller id", "seller", "vendor", "merchant", "boutique", "vendeur", "marchand",
             "haendler", "handler", "verkaufer", "laden", "tienda", "vendedor", "negozio", "venditore", "loja"),
    "marketplace": ("marketplace", "market", "site", "place de marche", "marktplatz", "mercado", "mercato"),
    "buyer": ("buyer id", "buyer", "customer id", "customer", "acheteur", "client", "id client", "kaufer", "kunde",
              "kundennummer", "comprador", "cliente", "acquirente"),
    "country": ("country", "shipping country", "pays", "land", "lieferland", "pais", "paese"),
    "channel": ("channel", "canal", "kanal", "canale"),
    "currency": ("currency", "devise", "wahrung", "moneda", "valuta", "moeda"),
    "category": ("category", "categorie", "kategorie", "categoria"),
    "amount": ("amount", "total", "order total", "price", "montant", "prix", "betrag", "summe", "gesamtbetrag",
               "importe",
               "precio", "importo", "prezzo", "totale", "valor", "preco"),
    "carrier": ("carrier", "transporteur", "versanddienst", "paketdienst", "transportista", "corriere", "vettore",
                "transportadora"),
    "tracking": ("tracking number", "tracking", "numero de suivi", "suivi", "n suivi", "sendungsnummer",
                 "trackingnummer",
                 "numero de seguimiento", "seguimiento", "numero tracking", "rastreio", "codigo de rastreio"),
    "conversation": ("ticket id", "conversation id", "thread id", "ticket", "conversation", "fil", "vorgang",
                     "gesprach", "conversacion", "hilo", "conversazione", "conversa"),
    "asked_at": ("asked at", "question date", "question at", "date de la question", "demande le", "gefragt am",
                 "fecha de la pregunta", "data domanda", "data da pergunta"),
    "answered_at": ("answered at", "first reply at", "replied at", "initial response time", "date de reponse",
                    "repondu le", "beantwortet am", "antwort am", "fecha de respuesta", "respondido el",
                    "data risposta", "data da resposta"),
    "message": ("message id", "id message", "nachrichten id", "id mensaje", "id messaggio", "id mensagem"),
    "sent_at": ("sent at", "message date", "date du message", "envoye le", "gesendet am", "fecha del mensaje",
                "data messaggio", "data da mensagem"),
    "author": ("author", "sender", "from", "auteur", "expediteur", "absender", "verfasser", "autor", "remitente",
               "mittente", "autore", "remetente"),
    "case": ("case id", "claim id", "dispute id", "case", "claim", "dispute", "incident", "reclamation", "litige",
             "dossier", "reklamation", "fall", "reclamacion", "disputa", "reclamo", "reclamacao"),
    "opened_at": ("opened at", "case opened", "claim date", "ouvert le", "date d ouverture", "eroffnet am",
                  "abierto el", "fecha de apertura", "aperto il", "data apertura", "aberto em"),
    "resolved_at": ("resolved at", "solved at", "resolved time", "resolu le", "date de resolution", "gelost am",
                    "resuelto el", "risolto il", "resolvido em"),
    "closed_at": ("closed at", "closed time", "cloture le", "ferme le", "geschlossen am", "cerrado el", "chiuso il",
                  "fechado em"),
    "reason": ("reason", "motif", "raison", "grund", "motivo"),
    "review": ("review id", "review", "avis", "id avis", "bewertungs id", "id resena", "id recensione", "avaliacao"),
    "rating": ("rating", "stars", "score", "note", "etoiles", "bewertung", "sterne", "puntuacion", "valoracion",
               "valutazione", "stelle", "nota", "estrelas"),
    "rated_at": ("review date", "rated at", "date de l avis", "note le", "bewertet am", "fecha de la resena",
                 "data recensione", "data da avaliacao"),
}
TIMES = frozenset(part for part in NAMES if part.endswith("_at")) | {"ship_by", "deliver_by"}
_OTHER = re.compile(r"[^a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def plain_name(name: str) -> str:
    """Small letters without accents, words with one space between."""
    spaced = _CAMEL.sub(" ", name).replace("ß", "ss")
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", spaced) if not unicodedata.combining(letter))
    return _OTHER.sub(" ", bare.lower()).strip()


def score(name: str, part: str) -> int:
    """How well a column's name fits a part; 0: not at all, an equal name above one that merely holds it."""
    plain = plain_name(name)
    best = 0
    for known in NAMES[part]:
        if plain == known:
            return 1_000 + len(known)
        if f" {known} " in f" {plain} ":
            best = max(best, len(known))
    return best
