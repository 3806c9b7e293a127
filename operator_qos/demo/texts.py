"""What buyers and sellers write, in the language of the marketplace. `{order}` is the order's number."""

from collections.abc import Mapping

Phrases = Mapping[str, tuple[str, ...]]

_FRENCH: Phrases = {
    "where": (
        "Bonjour, où en est ma commande {order} ? Le suivi ne bouge plus.",
        "Bonjour, quand vais-je recevoir {order} ?",
        "Ma commande {order} devait arriver cette semaine, avez-vous des nouvelles ?",
        "Bonjour, le colis de {order} est-il bien parti ?",
    ),
    "product": (
        "Bonjour, cet article passe-t-il au lave-vaisselle ?",
        "Bonjour, quelles sont les dimensions exactes, emballage compris ?",
        "Est-ce que la couleur est la même que sur la photo ?",
        "Bonjour, reste-t-il le même modèle en plus grand ?",
    ),
    "invoice": (
        "Bonjour, je n’ai pas trouvé la facture de {order} dans le colis.",
        "Pouvez-vous m’envoyer une facture avec TVA pour {order} ?",
    ),
    "address": (
        "Bonjour, je me suis trompé de numéro de rue, peut-on encore changer l’adresse ?",
        "Peut-on livrer {order} en point relais plutôt que chez moi ?",
    ),
    "chaser": (
        "Bonjour, je n’ai pas eu de réponse à mon message.",
        "Je me permets de relancer pour {order}.",
        "Toujours rien… Pouvez-vous me répondre ?",
    ),
    "more": (
        "Merci. Et pour le délai, vous avez une idée ?",
        "D’accord, mais est-ce que je peux encore changer la quantité ?",
        "Merci de votre réponse. Faut-il que je fasse quelque chose ?",
    ),
    "thanks": ("Merci beaucoup, tout est clair !", "Parfait, merci et bonne journée."),
    "answer": (
        "Bonjour, merci de votre message. Votre commande {order} suit son cours, elle arrive bientôt.",
        "Bonjour, nous avons vérifié : tout est en ordre pour {order}.",
        "Bonjour, voici la réponse de notre atelier : oui, sans problème.",
        "Bonjour, c’est noté, nous nous en occupons aujourd’hui.",
    ),
    "receipt": ("Réponse automatique : nous avons bien reçu votre message et revenons vers vous.",),
    "not_received": (
        "Bonjour, {order} est indiquée livrée, mais je n’ai rien reçu.",
        "Je n’ai toujours pas reçu {order}. Je souhaite être remboursé.",
    ),
    "damaged": (
        "Bonjour, l’article de {order} est arrivé abîmé, je joins une photo.",
        "Le colis était ouvert et un élément est cassé.",
    ),
    "wrong_item": ("Bonjour, ce n’est pas l’article que j’ai commandé ({order}).",),
    "not_as_described": ("L’article de {order} ne correspond pas à la description.",),
    "changed_mind": ("Bonjour, je souhaite retourner {order}, il ne me convient pas.",),
    "ask": (
        "Bonjour, pouvez-vous nous envoyer une photo de l’article et de l’emballage ?",
        "Bonjour, préférez-vous un échange ou un remboursement ?",
    ),
    "reply": ("Voici la photo demandée.", "Je préfère un remboursement.", "Un échange me convient."),
    "working": (
        "Merci, nous regardons cela avec le transporteur.",
        "Bien reçu, nous préparons une solution.",
    ),
    "grounds": (
        "La preuve de livraison ne correspond pas à l’adresse de l’acheteur.",
        "Le vendeur a emballé l’article comme convenu, le dommage vient du transport.",
        "Les photos montrent que l’article est conforme à sa description.",
    ),
    "review_reply": ("Merci de votre avis, nous sommes désolés et restons à votre disposition.",),
}

_SPANISH: Phrases = {
    "where": (
        "Hola, ¿cuándo llega mi pedido {order}?",
        "Buenos días, el seguimiento de {order} no se actualiza desde hace días.",
        "Mi pedido {order} tenía que llegar esta semana, ¿saben algo?",
        "Hola, ¿ha salido ya el paquete de {order}?",
    ),
    "product": (
        "Hola, ¿se puede lavar en el lavavajillas?",
        "Buenas, ¿cuáles son las medidas exactas?",
        "¿El color es igual al de la foto?",
        "Hola, ¿tienen el mismo modelo más grande?",
    ),
    "invoice": (
        "¿Hacen factura con IVA del pedido {order}?",
        "Hola, en el paquete de {order} falta la factura.",
    ),
    "address": (
        "Hola, me equivoqué de número de calle, ¿se puede cambiar la dirección?",
        "¿Pueden entregar {order} en un punto de recogida?",
    ),
    "chaser": (
        "Hola, sigo sin respuesta.",
        "Les escribo otra vez por {order}.",
        "¿Hay alguien? Espero respuesta.",
    ),
    "more": (
        "Gracias. ¿Y el plazo, más o menos?",
        "De acuerdo, ¿puedo cambiar todavía la cantidad?",
        "Gracias por responder. ¿Tengo que hacer algo?",
    ),
    "thanks": ("¡Muchas gracias, todo claro!", "Perfecto, gracias y buen día."),
    "answer": (
        "Hola, gracias por escribirnos. Su pedido {order} está en camino.",
        "Buenos días, lo hemos comprobado y {order} está en orden.",
        "Hola, sí, sin ningún problema.",
        "Hola, tomamos nota y lo hacemos hoy mismo.",
    ),
    "receipt": ("Respuesta automática: hemos recibido su mensaje y le contestaremos pronto.",),
    "not_received": (
        "Hola, {order} figura como entregado, pero no he recibido nada.",
        "Sigo sin recibir {order}. Quiero que me devuelvan el dinero.",
    ),
    "damaged": (
        "Hola, el artículo de {order} ha llegado roto, adjunto foto.",
        "La caja estaba abierta y golpeada.",
    ),
    "wrong_item": ("Hola, esto no es lo que pedí en {order}.",),
    "not_as_described": ("El artículo de {order} no se parece a la descripción.",),
    "changed_mind": ("Hola, quiero devolver {order}, no me encaja.",),
    "ask": ("Hola, ¿nos puede enviar una foto?", "Hola, ¿prefiere un cambio o el reembolso?"),
    "reply": ("Aquí tiene la foto.", "Prefiero el reembolso.", "Un cambio me parece bien."),
    "working": ("Gracias, lo miramos con el transportista.", "Recibido, preparamos una solución."),
    "grounds": (
        "La prueba de entrega no corresponde a la dirección del comprador.",
        "El vendedor embaló bien el artículo, el daño es del transporte.",
        "Las fotos muestran que el artículo es conforme a su descripción.",
    ),
    "review_reply": ("Gracias por su opinión, lo sentimos y quedamos a su disposición.",),
}

_GERMAN: Phrases = {
    "where": (
        "Guten Tag, wo bleibt meine Bestellung {order}?",
        "Hallo, die Sendungsverfolgung zu {order} steht seit Tagen still.",
        "Meine Bestellung {order} sollte diese Woche kommen, wissen Sie mehr?",
        "Hallo, ist das Paket zu {order} schon unterwegs?",
    ),
    "product": (
        "Guten Tag, ist der Artikel spülmaschinenfest?",
        "Hallo, wie sind die genauen Maße?",
        "Ist die Farbe wie auf dem Foto?",
        "Hallo, gibt es das Modell auch größer?",
    ),
    "invoice": (
        "Die Rechnung zu {order} fehlt im Paket.",
        "Bitte senden Sie mir eine Rechnung mit USt. zu {order}.",
    ),
    "address": (
        "Hallo, ich habe mich bei der Hausnummer vertan, geht eine Änderung noch?",
        "Können Sie {order} an eine Packstation liefern?",
    ),
    "chaser": (
        "Hallo, ich warte noch auf Antwort.",
        "Ich frage noch einmal wegen {order} nach.",
        "Bitte melden Sie sich.",
    ),
    "more": (
        "Danke. Und wie lange dauert es ungefähr?",
        "Gut, kann ich die Menge noch ändern?",
        "Danke für die Antwort. Muss ich etwas tun?",
    ),
    "thanks": ("Vielen Dank, alles klar!", "Bestens, danke und schönen Tag."),
    "answer": (
        "Guten Tag, danke für Ihre Nachricht. {order} ist unterwegs.",
        "Hallo, wir haben nachgesehen: Mit {order} ist alles in Ordnung.",
        "Guten Tag, ja, das geht ohne Weiteres.",
        "Hallo, notiert, wir kümmern uns heute darum.",
    ),
    "receipt": ("Automatische Antwort: Wir haben Ihre Nachricht erhalten und melden uns.",),
    "not_received": (
        "Guten Tag, {order} gilt als zugestellt, bei mir kam nichts an.",
        "Ich habe {order} noch immer nicht und möchte mein Geld zurück.",
    ),
    "damaged": (
        "Hallo, der Artikel aus {order} kam beschädigt an, Foto anbei.",
        "Der Karton war offen, ein Teil ist zerbrochen.",
    ),
    "wrong_item": ("Hallo, das ist nicht der bestellte Artikel ({order}).",),
    "not_as_described": ("Der Artikel aus {order} entspricht nicht der Beschreibung.",),
    "changed_mind": ("Guten Tag, ich möchte {order} zurückgeben.",),
    "ask": ("Guten Tag, können Sie uns ein Foto schicken?", "Hallo, wünschen Sie Ersatz oder Erstattung?"),
    "reply": ("Hier ist das Foto.", "Ich möchte die Erstattung.", "Ersatz ist in Ordnung."),
    "working": ("Danke, wir klären das mit dem Paketdienst.", "Angekommen, wir bereiten eine Lösung vor."),
    "grounds": (
        "Der Zustellnachweis passt nicht zur Anschrift des Käufers.",
        "Der Verkäufer hat ordentlich verpackt, der Schaden entstand beim Transport.",
        "Die Fotos zeigen, dass der Artikel der Beschreibung entspricht.",
    ),
    "review_reply": ("Danke für Ihre Bewertung, es tut uns leid; wir sind gern für Sie da.",),
}

PHRASES: Mapping[str, Phrases] = {"fr": _FRENCH, "es": _SPANISH, "de": _GERMAN}
