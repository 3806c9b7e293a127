"""Who sells on the demo marketplaces: 35 companies, 60 shops, and the story each shop tells."""

from typing import NamedTuple


class ShopRow(NamedTuple):
    """A shop before its hours and volumes are worked out."""

    marketplace: str
    name: str
    story: str


class CompanyRow(NamedTuple):
    """A company and its shops, in the order they opened."""

    id: str
    name: str
    country: str
    shops: tuple[ShopRow, ...]


_H, _L, _K = "halle-fr", "lonja-es", "kontor-de"


def _company(key: str, name: str, country: str, *shops: tuple[str, str, str]) -> CompanyRow:
    return CompanyRow(key, name, country, tuple(ShopRow(*shop) for shop in shops))


FRENCH = (
    _company(
        "atelier-morvan",
        "Atelier Morvan",
        "FR",
        (_H, "Atelier Morvan", "carrier_strike"),
        (_L, "Atelier Morvan", "steady"),
        (_K, "Morvan Küche", "platform_outage"),
    ),
    _company(
        "maison-verdier",
        "Maison Verdier SAS",
        "FR",
        (_H, "Maison Verdier", "carrier_strike"),
        (_K, "Verdier Wohnen", "small"),
    ),
    _company(
        "coutellerie-perrin",
        "Coutellerie Perrin",
        "FR",
        (_H, "Coutellerie Perrin", "excellent"),
        (_K, "Perrin Messer", "small"),
    ),
    _company(
        "linge-des-alpes",
        "Linge des Alpes SARL",
        "FR",
        (_H, "Linge des Alpes", "excellent"),
        (_L, "Lino de los Alpes", "small"),
    ),
    _company(
        "verrerie-du-lac",
        "Verrerie du Lac",
        "FR",
        (_H, "Verrerie du Lac", "carrier_strike"),
        (_L, "Cristal del Lago", "tiny_noisy"),
    ),
    _company(
        "tapis-lointains",
        "Tapis Lointains",
        "FR",
        (_H, "Tapis Lointains", "small"),
        (_K, "Ferne Teppiche", "tiny_noisy"),
    ),
    _company("faience-et-co", "Faïence & Co", "FR", (_H, "Faïence & Co", "tiny_noisy")),
    _company(
        "bougies-du-sillage",
        "Bougies du Sillage",
        "FR",
        (_H, "Bougies du Sillage", "seasonal"),
        (_L, "Velas del Puerto", "small"),
    ),
    _company(
        "papeterie-colibri", "Papeterie Colibri SARL", "FR", (_H, "Papeterie Colibri", "carrier_strike")
    ),
    _company(
        "le-jardin-clos",
        "Le Jardin Clos",
        "FR",
        (_H, "Le Jardin Clos", "declining"),
        (_K, "Klostergarten", "small"),
    ),
    _company(
        "savonnerie-garrigue",
        "Savonnerie de la Garrigue",
        "FR",
        (_H, "Savonnerie de la Garrigue", "steady"),
        (_L, "Jabones Garriga", "tiny_noisy"),
    ),
    _company(
        "jouets-pimprenelle",
        "Jouets Pimprenelle",
        "FR",
        (_H, "Jouets Pimprenelle", "carrier_strike"),
        (_L, "Juguetes Pimpinela", "steady"),
    ),
    _company("rivage-cuisine", "Rivage Cuisine SAS", "FR", (_H, "Rivage Cuisine", "recovering")),
    _company(
        "cuirs-belloc",
        "Cuirs Belloc",
        "FR",
        (_H, "Cuirs Belloc", "silent"),
        (_L, "Cueros Belloc", "small"),
    ),
    _company(
        "lumieres-vigie",
        "Lumières Vigie",
        "FR",
        (_H, "Lumières Vigie", "carrier_strike"),
        (_K, "Vigie Leuchten", "small"),
    ),
    _company("cycles-hirondelle", "Cycles Hirondelle", "FR", (_H, "Cycles Hirondelle", "steady")),
)

SPANISH = (
    _company(
        "bazar-norte",
        "Bazar Norte S.L.",
        "ES",
        (_L, "Bazar Norte", "silent"),
        (_H, "Bazar du Nord", "small"),
    ),
    _company(
        "casa-lumbre",
        "Casa Lumbre S.L.",
        "ES",
        (_L, "Casa Lumbre", "declining"),
        (_H, "Maison Lumbre", "tiny_noisy"),
    ),
    _company(
        "loza-real",
        "Loza Real S.A.",
        "ES",
        (_L, "Loza Real", "steady"),
        (_H, "Faïences Loza", "small"),
    ),
    _company(
        "tienda-alba", "Tienda Alba S.L.", "ES", (_L, "Tienda Alba", "steady"), (_K, "Alba Laden", "small")
    ),
    _company(
        "la-cafetera",
        "La Cafetera S.L.",
        "ES",
        (_L, "La Cafetera", "excellent"),
        (_H, "La Cafetière", "small"),
    ),
    _company("cesta-verde", "Cesta Verde S.C.", "ES", (_L, "Cesta Verde", "excellent")),
    _company("hilo-y-barro", "Hilo y Barro", "ES", (_L, "Hilo y Barro", "tiny_noisy")),
    _company(
        "esparto-del-sur",
        "Esparto del Sur S.L.",
        "ES",
        (_L, "Esparto del Sur", "recovering"),
        (_H, "Sparterie du Sud", "steady"),
    ),
    _company(
        "olivo-claro",
        "Olivo Claro S.L.",
        "ES",
        (_L, "Olivo Claro", "seasonal"),
        (_K, "Olivenhof", "small"),
    ),
    _company(
        "mimbres-soler",
        "Mimbres Soler",
        "ES",
        (_L, "Mimbres Soler", "steady"),
        (_H, "Vannerie Soler", "carrier_strike"),
    ),
)

GERMAN = (
    _company(
        "porzellan-kirsch",
        "Porzellan Kirsch GmbH",
        "DE",
        (_K, "Porzellan Kirsch", "declining"),
        (_H, "Porcelaine Kirsch", "small"),
    ),
    _company("kupfer-und-kelle", "Kupfer & Kelle", "DE", (_K, "Kupfer & Kelle", "silent")),
    _company(
        "nordlicht-textil",
        "Nordlicht Textil GmbH",
        "DE",
        (_K, "Nordlicht Textil", "platform_outage"),
        (_L, "Textil Nórdico", "small"),
    ),
    _company(
        "holzwerk-nord",
        "Holzwerk Nord GmbH",
        "DE",
        (_K, "Holzwerk Nord", "excellent"),
        (_H, "Bois du Nord", "small"),
    ),
    _company(
        "buerstenmanufaktur-ott",
        "Bürstenmanufaktur Ott",
        "DE",
        (_K, "Bürstenmanufaktur Ott", "platform_outage"),
    ),
    _company("keramik-sander", "Keramik Sander", "DE", (_K, "Keramik Sander", "tiny_noisy")),
    _company(
        "gartenlust-behrens",
        "Gartenlust Behrens GmbH",
        "DE",
        (_K, "Gartenlust Behrens", "platform_outage"),
        (_L, "Jardín Behrens", "tiny_noisy"),
    ),
    _company(
        "leuchtturm-spielzeug", "Leuchtturm Spielzeug", "DE", (_K, "Leuchtturm Spielzeug", "recovering")
    ),
    _company(
        "messerschmiede-brandt", "Messerschmiede Brandt", "DE", (_K, "Messerschmiede Brandt", "late_feed")
    ),
)

COMPANIES = FRENCH + SPANISH + GERMAN
