"""What people and machines say when they answer, in French: for tuning and for judging, with no phrase in both."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Greetings:
    """Phrases by who says them.

    Args:
        hello: a person's one or two words.
        short: a person's name, or a short question.
        business: a person who answers for a firm, at the length of a machine.
        machine: the greeting of an answering machine or a mailbox.
        curt: the same, no longer than a person's.
        network: what follows a special information tone.
    """

    hello: tuple[str, ...]
    short: tuple[str, ...]
    business: tuple[str, ...]
    machine: tuple[str, ...]
    curt: tuple[str, ...]
    network: tuple[str, ...]


TUNING = Greetings(
    hello=("Allô ?", "Oui ?", "Oui allô ?", "Allô bonjour.", "Allô oui."),
    short=("Martin j'écoute.", "Madame Durand bonjour.", "Allô qui est à l'appareil ?", "Oui c'est Paul."),
    business=(
        "Société Martin bonjour, Julie à votre écoute.",
        "Mairie de Villeneuve bonjour, que puis-je pour vous ?",
        "Cabinet du docteur Bernard bonjour, un instant je vous prie.",
    ),
    machine=(
        (
            "Bonjour, vous êtes bien chez Monsieur et Madame Dupont. Nous sommes absents pour le moment. "
            "Merci de laisser un message après le bip sonore."
        ),
        (
            "Bienvenue sur la messagerie vocale du zéro un, quatre-vingt-dix-neuf. Veuillez laisser votre message "
            "après le signal sonore."
        ),
        "Bonjour, je ne suis pas disponible. Laissez-moi un message et je vous rappellerai. Merci.",
        "Vous êtes sur le répondeur de la famille Martin. Parlez après le bip.",
        "Votre correspondant n'est pas joignable actuellement. Vous pouvez laisser un message après le bip.",
        (
            "Le cabinet médical est actuellement fermé. Nos horaires sont de neuf heures à dix-huit heures du lundi au "
            "vendredi. Vous pouvez laisser un message."
        ),
    ),
    curt=("Salut c'est Paul, laissez un message !", "Bonjour. Merci de laisser un message."),
    network=("Le numéro que vous avez demandé n'est pas attribué.",),
)

JUDGING = Greetings(
    hello=(
        "Allô !",
        "Ouais ?",
        "Oui bonjour ?",
        "Allô j'écoute.",
        "Oui oui allô ?",
        "Bonjour.",
        "Allô ? Allô ?",
        "Oui je vous écoute.",
    ),
    short=(
        "Famille Lefèvre bonjour.",
        "Sophie Moreau bonjour.",
        "Oui bonjour c'est qui ?",
        "Docteur Petit bonjour.",
        "Allô oui c'est Nicolas.",
        "Accueil bonjour.",
        "Bonjour je vous écoute.",
        "Oui allô qui parle ?",
    ),
    business=(
        "Garage de la gare bonjour, Thomas à l'appareil, que puis-je faire pour vous ?",
        "Pharmacie du centre bonjour, Amandine à votre service.",
        "École Jean Moulin bonjour, le secrétariat à votre écoute.",
        "Étude de maître Rousseau bonjour, qui dois-je annoncer ?",
        "Agence Horizon bonjour, ici Claire, en quoi puis-je vous aider ?",
    ),
    machine=(
        (
            "Bonjour, vous êtes sur la boîte vocale de Camille Lambert. Je suis absente, laissez-moi un message et je "
            "vous rappelle dès que possible."
        ),
        "La personne que vous appelez n'est pas disponible. Veuillez enregistrer votre message après le signal.",
        (
            "Vous êtes bien au domicile de la famille Garnier. Nous ne pouvons pas vous répondre pour l'instant. "
            "Laissez vos coordonnées, nous vous rappellerons."
        ),
        (
            "Bonjour et bienvenue sur le répondeur de l'association Les Amis du parc. La permanence a lieu le mardi de "
            "quatorze à seize heures."
        ),
        "Messagerie vocale. Votre correspondant est absent. Au signal sonore, merci de laisser un message.",
        "Coucou, c'est Léa ! Je ne peux pas te répondre pour le moment, mais laisse-moi un petit message. À bientôt.",
        (
            "Nos bureaux sont actuellement fermés. Merci de rappeler aux heures d'ouverture ou de laisser un message "
            "après le bip."
        ),
        "Vous avez demandé le service technique. Toutes nos lignes sont occupées. Laissez votre nom et votre numéro.",
        "Bonjour, vous êtes en communication avec un répondeur automatique. Ne quittez pas, parlez après le bip.",
    ),
    curt=(
        "Bonjour, laissez-moi un message après le bip.",
        "Vous êtes bien chez Hugo, à vous après le bip !",
        "Répondeur de Manon. Laissez un message. Merci.",
    ),
    network=(
        "Le numéro que vous demandez n'est plus en service actuellement.",
        "Votre correspondant ne peut être joint. Veuillez consulter l'annuaire.",
    ),
)
