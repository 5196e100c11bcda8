"""French as people read it aloud."""

import pytest

from portevoix.speech.french import say_french
from portevoix.speech.numerals import cardinal, ordinal

NUMBERS = {
    0: "zéro", 1: "un", 16: "seize", 17: "dix-sept", 20: "vingt", 21: "vingt et un", 22: "vingt-deux",
    61: "soixante et un", 70: "soixante-dix", 71: "soixante et onze", 72: "soixante-douze",
    79: "soixante-dix-neuf",
    80: "quatre-vingts", 81: "quatre-vingt-un", 90: "quatre-vingt-dix", 91: "quatre-vingt-onze",
    99: "quatre-vingt-dix-neuf", 100: "cent", 101: "cent un", 180: "cent quatre-vingts", 200: "deux cents",
    201: "deux cent un", 999: "neuf cent quatre-vingt-dix-neuf", 1_000: "mille", 1_001: "mille un",
    3_000: "trois mille", 80_000: "quatre-vingt mille", 200_000: "deux cent mille", 1_000_000: "un million",
    2_000_001: "deux millions un", 80_000_000: "quatre-vingts millions",
    1_999_999_999: "un milliard neuf cent quatre-vingt-dix-neuf millions "
    "neuf cent quatre-vingt-dix-neuf mille neuf cent quatre-vingt-dix-neuf",
}  # fmt: skip


@pytest.mark.parametrize(("number", "said"), NUMBERS.items())
def test_cardinals(number, said):
    assert cardinal(number) == said


def test_every_number_is_said_differently():
    assert len({cardinal(number) for number in range(20_000)}) == 20_000


@pytest.mark.parametrize("number", [-1, 10**12])
def test_numbers_out_of_range_are_refused(number):
    with pytest.raises(ValueError, match="out of range"):
        cardinal(number)


def test_septante_and_nonante():
    said = [cardinal(number, septante=True) for number in (70, 71, 76, 80, 90, 91, 99)]
    assert said == [
        "septante",
        "septante et un",
        "septante-six",
        "quatre-vingts",
        *("nonante", "nonante et un", "nonante-neuf"),
    ]
    assert say_french("76 rue", "fr-be") == "septante-six rue"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (1, "premier"),
        (2, "deuxième"),
        (4, "quatrième"),
        (5, "cinquième"),
        (9, "neuvième"),
        (21, "vingt et unième"),
        (80, "quatre-vingtième"),
        (200, "deux centième"),
        (1000, "millième"),
    ],
)
def test_ordinals(number, said):
    assert ordinal(number) == said


READINGS = {
    # hours
    "à 14h30": "à quatorze heures trente",
    "à 14 h 30": "à quatorze heures trente",
    "à 14H30": "à quatorze heures trente",
    "à 14:30": "à quatorze heures trente",
    "8h05": "huit heures cinq",
    "à 8h.": "à huit heures.",
    "1h": "une heure",
    "0h15": "zéro heure quinze",
    "21h21": "vingt et une heures vingt et une",
    "9h00": "neuf heures",
    "24h/24 et 7j/7": "vingt-quatre heures sur vingt-quatre et sept jours sur sept",
    # amounts
    "12,50 €": "douze euros cinquante",
    "12.50€": "douze euros cinquante",
    "12,5 euros": "douze euros cinquante",
    "1 €": "un euro",
    "0,50 €": "cinquante centimes",
    "0,01 €": "un centime",
    "0 €": "zéro euro",
    "1 250,00 EUR": "mille deux cent cinquante euros",
    "3 000 000 €": "trois millions d'euros",
    "0,0375 €": "zéro virgule zéro trois sept cinq euros",
    "$12": "douze dollars",
    "21 £": "vingt et une livres",
    "15 CHF": "quinze francs suisses",
    # telephone numbers
    "06 39 98 00 01": "zéro six, trente-neuf, quatre-vingt-dix-huit, zéro zéro, zéro un",
    "0639980001": "zéro six, trente-neuf, quatre-vingt-dix-huit, zéro zéro, zéro un",
    "06.39.98.00.01": "zéro six, trente-neuf, quatre-vingt-dix-huit, zéro zéro, zéro un",
    "06-39-98-00-01": "zéro six, trente-neuf, quatre-vingt-dix-huit, zéro zéro, zéro un",
    "+33 6 39 98 00 01": "plus trente-trois, six, trente-neuf, quatre-vingt-dix-huit, zéro zéro, zéro un",
    "+33 (0)6 39 98 00 01": "plus trente-trois, six, trente-neuf, quatre-vingt-dix-huit, zéro zéro, zéro un",
    "0800 123 456": "zéro huit cents, cent vingt-trois, quatre cent cinquante-six",
    "appelez le 3639": "appelez le trente-six trente-neuf",
    # dates
    "le 12/03/2026": "le douze mars deux mille vingt-six",
    "le 1/1/26": "le premier janvier deux mille vingt-six",
    "2026-12-31": "trente et un décembre deux mille vingt-six",
    "le 14 juillet 1789": "le quatorze juillet mille sept cent quatre-vingt-neuf",
    # numbers
    "3,14": "trois virgule quatorze",
    "0,05": "zéro virgule zéro cinq",
    "12 500 habitants": "douze mille cinq cents habitants",
    "12.500 habitants": "douze mille cinq cents habitants",
    "1,000,000": "un million",
    "-5°C": "moins cinq degrés",
    "20 %": "vingt pour cent",
    "12,5%": "douze virgule cinq pour cent",
    "code 007": "code zéro zéro sept",
    "192.168.1.1": "cent quatre-vingt-douze point cent soixante-huit point un point un",
    "99999999999999": " ".join(["neuf"] * 14),
    "3/4": "trois sur quatre",
    # ranks and units
    "le 1er et la 1re": "le premier et la première",
    "2e 3ème 2nd": "deuxième troisième second",
    "110 km/h": "cent dix kilomètres heure",
    "1 min": "une minute",
    "50 m2": "cinquante mètres carrés",
    # words
    "M. Dupont et Mme Durand": "monsieur Dupont et madame Durand",
    "RDV n° 4 SVP": "rendez-vous numéro quatre s'il vous plaît",
    "a@mairie.fr": "a arobase mairie point fr",
    "R&D": "R et D",
    # left alone
    "Bonjour. Merci": "Bonjour. Merci",
    "l'été dernier": "l'été dernier",
    "peut-être": "peut-être",
}


@pytest.mark.parametrize(("written", "said"), READINGS.items())
def test_readings(written, said):
    assert say_french(written) == said
