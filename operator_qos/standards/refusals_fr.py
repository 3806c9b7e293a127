"""What a standard is refused with, in French: each text as it is raised, `{}` for what is filled in, in that order."""

from __future__ import annotations

REFUSALS: dict[str, str] = {
    # Reading the text.
    "a standard is a mapping of fields, starting with id, version and title":
        "un standard est un ensemble de champs, à commencer par id, version et title",
    "expected a comparison like \"<= 2 %\" or a mapping like {{bad: \"< 3\"}}, found {}":
        "une comparaison comme \"<= 2 %\" ou une forme comme {{bad: \"< 3\"}} est attendue ; trouvé : {}",
    "expected a comparison or texts to be among, found {}":
        "une comparaison ou une liste de textes est attendue ; trouvé : {}",
    "expected a date like 2026-01-31, found {}": "une date comme 2026-01-31 est attendue ; trouvé : {}",
    "expected a list of conditions, found {}": "une liste de conditions est attendue ; trouvé : {}",
    "expected a list, found {}": "une liste est attendue ; trouvé : {}",
    "expected a mapping of fields, found {}": "un ensemble de champs est attendu ; trouvé : {}",
    "expected a mapping of names to numbers, found {}": "des noms avec leurs nombres sont attendus ; trouvé : {}",
    "expected a month and day like 12-31, found {}": "un mois et un jour comme 12-31 sont attendus ; trouvé : {}",
    "expected a number like 0.9, found {}": "un nombre comme 0.9 est attendu ; trouvé : {}",
    "expected a source's code, or a mapping of fields to codes, found {}":
        "le code d’une source, ou des champs avec leurs codes, est attendu ; trouvé : {}",
    "expected a text, found {}": "un texte est attendu ; trouvé : {}",
    "expected a whole number, found {}": "un nombre entier est attendu ; trouvé : {}",
    "expected dates under marketplace or a country’s code, found {}":
        "des dates sous marketplace ou sous le code d’un pays sont attendues ; trouvé : {}",
    "expected true or false, found {}": "true ou false est attendu ; trouvé : {}",
    "dates stand under marketplace, or under a country’s code like FR":
        "les dates se placent sous marketplace, ou sous le code d’un pays comme FR",
    "given twice, again on line {}": "donné deux fois, encore à la ligne {}",
    "has {} characters; {} is the most": "a {} caractères ; {} au plus",
    "holds a sign that cannot be printed: {}": "contient un signe qui ne peut être imprimé : {}",
    "is nested too deeply": "est imbriqué trop profondément",
    "is {} characters long; {} is the most": "a {} caractères ; {} au plus",
    "line {}: *{} refers to another place; write the value out":
        "ligne {} : *{} renvoie à un autre endroit ; écrivez la valeur",
    "line {}: {} is no decimal number": "ligne {} : {} n’est pas un nombre décimal",
    "missing": "manquant",
    "unknown field": "champ inconnu",
    "nested too deep to be a standard": "imbriqué trop profondément pour un standard",
    "no preset {}, there are: {}": "pas de modèle {} ; il y a : {}",
    "not readable as YAML: {}": "illisible comme YAML : {}",
    "references (*name) are no part of the language; write it out":
        "les renvois (*nom) ne font pas partie du langage ; écrivez la valeur",
    "{} alone says no direction; write \"= {}\", \"<= {}\" or \">= {}\"":
        "{} seul ne dit pas le sens ; écrivez \"= {}\", \"<= {}\" ou \">= {}\"",
    "{} is given twice": "{} est donné deux fois",
    "{} is no comparison; write one of {} and a number, like \"<= 2 %\" or \"< 24 h\"":
        "{} n’est pas une comparaison ; écrivez l’un de {} et un nombre, comme \"<= 2 %\" ou \"< 24 h\"",
    "{} is no name; use small letters, digits and underscores, like late_shipment":
        "{} n’est pas un nom ; utilisez des minuscules, des chiffres et des traits bas, comme late_shipment",
    "{} is no zone; write it like Europe/Paris": "{} n’est pas un fuseau ; écrivez-le comme Europe/Paris",
    "{} is none of {}": "{} n’est aucun de : {}",
    "{} is not at least {}": "{} n’est pas au moins {}",
    "{} is not at most {}": "{} n’est pas au plus {}",
    "{} is not between 0 and 1; 90 % is written 0.9": "{} n’est pas entre 0 et 1 ; 90 % s’écrit 0.9",
    "{} is not between 1 and 100": "{} n’est pas entre 1 et 100",
    "{} is not between 1 and 28; later days are not in every month":
        "{} n’est pas entre 1 et 28 ; tous les mois n’ont pas de jours au-delà",
    "{} is not between {} and {}": "{} n’est pas entre {} et {}",
    # Fields together.
    "bad and base come together": "bad et base vont ensemble",
    "counts full periods only; give full too, or leave it out":
        "ne compte que des périodes entières ; donnez aussi full, ou retirez-le",
    "every week needs a weekday": "every: week demande un jour de semaine (weekday)",
    "every {} needs a day of the month or a first weekday, one of them":
        "every: {} demande un jour du mois ou un premier jour de semaine, l’un des deux",
    "give exactly one of by_volume, all, any, one, bad with base; found {}":
        "donnez exactement l’un de by_volume, all, any, one, ou bad avec base ; trouvé : {}",
    "give exactly one of {}; found {}": "donnez exactement l’un de : {} ; trouvé : {}",
    "give one of latest, first and after_first at most": "donnez au plus l’un de latest, first et after_first",
    "give the text in one language at least, like {{en: …}}":
        "donnez le texte dans une langue au moins, comme {{en: …}}",
    "give two points at least, their values rising": "donnez deux points au moins, de valeurs croissantes",
    "is due on a day, so hours decide nothing; leave one of the two out":
        "a pour échéance un jour, les heures ne décident donc rien ; retirez l’un des deux",
    "is empty: it starts {} days back and ends {} days back; write the larger number first":
        "est vide : elle commence {} jours avant et finit {} jours avant ; écrivez d’abord le plus grand nombre",
    "is for everybody, so no later line is ever reached":
        "vaut pour tous : aucune ligne suivante n’est jamais atteinte",
    "is made in {} ways at once; keep one of {}": "se compose de {} façons à la fois ; gardez l’une de : {}",
    "keeps judged_when fulfilled; give judged_when too": "maintient judged_when ; donnez aussi judged_when",
    "lasts as long as its figure's window; leave it out": "dure autant que la période de son chiffre ; retirez-le",
    "limits say it already; keep limits, or kept_when and watch_when alone":
        "limits le dit déjà ; gardez limits, ou seulement kept_when et watch_when",
    "months are numbered 1 to 12": "les mois sont numérotés de 1 à 12",
    "name at least one kind, else nothing is a defect": "nommez au moins une sorte, sinon rien n’est un défaut",
    "names no day, so the clock never runs": "ne nomme aucun jour : l’horloge ne tourne jamais",
    "names one window; write it without the list, or add another":
        "nomme une seule période ; écrivez-la sans liste, ou ajoutez-en une",
    "needs a figure that is counted, or when an evaluation gives them; one of the two":
        "demande un chiffre compté, ou quand une évaluation les donne ; l’un des deux",
    "overlaps the frame before it, which ends at {}": "chevauche la plage précédente, qui finit à {}",
    "percentile and percent come together, like {{measure: percentile, percent: 90}}":
        "percentile et percent vont ensemble, comme {{measure: percentile, percent: 90}}",
    "says nothing here: {} already names both ends": "ne dit rien ici : {} nomme déjà les deux bouts",
    "says nothing; leave the field out, or name what must hold":
        "ne dit rien ; retirez le champ, ou nommez ce qui doit être vrai",
    "shows windows beside the one that is judged; give one too":
        "montre des périodes à côté de celle qui est jugée ; donnez aussi one",
    "start at 0, the first breach, and rise from there, like [0, 30]":
        "commencez à 0, le premier manquement, puis en croissant, comme [0, 30]",
    "takes out everything; say where, from when, or on_request":
        "exclut tout ; dites where, à partir de quand, ou on_request",
    "watch comes before a breach; give kept_when too": "la surveillance précède un manquement ; donnez aussi kept_when",
    "{} does not lie above the floor, {}": "{} n’est pas au-dessus du plancher, {}",
    "{} is not before {}; write a night as two frames": "{} n’est pas avant {} ; écrivez une nuit en deux plages",
    "{} lies before {}": "{} est avant {}",
    "{} lies outside floor and ceiling": "{} est hors du plancher et du plafond",
    "{} takes its units from other figures; leave metric and window out":
        "{} prend ses unités d’autres chiffres ; retirez metric et window",
    "{} refers to another place; write the value out": "{} renvoie à un autre endroit ; écrivez la valeur",
    # The standard as a whole.
    "a resolution is timed while the seller holds the case: say it in within_hours":
        "une résolution se compte tant que le vendeur a le dossier : dites-la par within_hours",
    "always holds while kept_when does, so nothing is ever kept":
        "est toujours vrai quand kept_when l’est : rien n’est jamais respecté",
    "clock {} is due on a day; leave the hours out": "l’horloge {} a pour échéance un jour ; retirez les heures",
    "contradicts itself: no {} can be all of that": "se contredit : aucun {} ne peut être tout cela",
    "evidence is for shares, not for {}; judge this rule by point":
        "les preuves valent pour des parts, non pour {} ; jugez cette règle par point",
    "evidence needs one comparison of a share; or judge this rule by point":
        "les preuves demandent une seule comparaison d’une part ; ou jugez cette règle par point",
    "is for everybody, so no later grade is ever reached":
        "vaut pour tous : aucune note suivante n’est jamais atteinte",
    "is for everybody, so no lower level is ever reached; give it needs":
        "vaut pour tous : aucun niveau inférieur n’est jamais atteint ; donnez-lui needs",
    "is never reached: whoever has it has {} already": "n’est jamais atteint : qui l’a a déjà {}",
    "never holds while kept_when does, so nothing is ever on watch":
        "n’est jamais vrai quand kept_when l’est : rien n’est jamais à surveiller",
    "no clock {}": "pas d’horloge {}",
    "no level {}": "pas de niveau {}",
    "no rule or figure {}": "pas de règle ni de chiffre {}",
    "no source {} among sources{}": "pas de source {} parmi sources{}",
    "rests on {}, which is no figure before it{}": "repose sur {}, qui n’est pas un chiffre placé avant{}",
    "the lowest level is for everybody else; leave needs out":
        "le niveau le plus bas est celui de tous les autres ; retirez needs",
    "unknown metric {}": "indicateur inconnu : {}",
    "unknown name {}": "nom inconnu : {}",
    "{} is a number; compare it, like \"<= 3\"": "{} est un nombre ; comparez-le, comme \"<= 3\"",
    "{} is a text; list those it must be among": "{} est un texte ; énumérez ceux dont il doit être",
    # Publishing, retiring, trying.
    "no order says its {}": "aucune commande ne dit cela : {}",
    "no outcome says its quantity; {}": "aucun résultat ne dit sa quantité ; {}",
    "no outcome says its {}; leave the condition out, or switch the rule off":
        "aucun résultat ne dit cela : {} ; retirez la condition, ou désactivez la règle",
    "no outcome says its {}; {}": "aucun résultat ne dit cela : {} ; {}",
    "nothing is counted for {}; {}": "rien n’est compté pour {} ; {}",
    "{} is counted by one promise of each standard; give all its rules the same":
        "{} se compte selon une seule promesse de chaque standard ; donnez la même à toutes ses règles",
    "{} rests on dates that orders name, not on a clock or defects; leave the field out":
        "{} repose sur des dates que nomment les commandes, ni sur une horloge ni sur des défauts ; retirez le champ",
    "outcomes of {} are kept by {}": "les résultats de {} sont tenus par {}",
    "say why the rules change, for those who are bound by them":
        "dites pourquoi les règles changent, à ceux qu’elles engagent",
    "there is no marketplace yet; add one with `operator-qos marketplace add`":
        "il n’y a pas encore de place de marché ; ajoutez-en une par `operator-qos marketplace add`",
    "{} both bind this shop with priority {}; raise one of them":
        "{} engagent tous deux cette boutique avec la priorité {} ; relevez l’une des deux",
    "{} can bind the same shops with priority {}; give this one another":
        "{} peut engager les mêmes boutiques avec la priorité {} ; donnez-en une autre à celui-ci",
    "{} comes with the product; publish a version after it":
        "{} est fourni avec le produit ; publiez une version après lui",
    "{} does not follow {}": "{} ne suit pas {}",
    "{} is a draft; delete it instead": "{} est un brouillon ; supprimez-le plutôt",
    "{} is less than {} days after publication on {}; the first possible date is {}, or name the legal ground":
        "{} est moins de {} jours après la publication du {} ; première date possible : {}, ou nommez le motif légal",
    "{} is no version of {}": "{} n’est pas une version de {}",
    "{} is not after {}, when version {} took effect; a number in force is never changed":
        "{} n’est pas après le {}, date d’effet de la version {} ; un nombre en vigueur ne change jamais",
    "{} is past and what was judged stays as it was; the first possible date is {}":
        "{} est passé, et ce qui a été jugé reste tel quel ; première date possible : {}",
    "{} is published already; write a new version": "{} est déjà publié ; écrivez une nouvelle version",
    "{} is retired already": "{} est déjà retiré",
    "{} version {} is published and never changes; write version {}":
        "{} version {} est publié et ne change plus ; écrivez la version {}",
    "{} version {} is published; retire it instead": "{} version {} est publié ; retirez-le plutôt",
}
# What stands inside others.
INSIDE: dict[str, str] = {
    "; is {} meant?": " ; voulez-vous dire {} ?",
    "switch the rule off (active: false) to use the rest":
        "désactivez la règle (active: false) pour utiliser le reste",
}
