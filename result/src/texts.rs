//! What the pages say, in English and French.

use web::language::{Message, Messages, SHARED_MESSAGES};

/// All texts of this service.
pub(crate) const MESSAGES: Messages = Messages(&[SHARED_MESSAGES, TEXTS]);

const TEXTS: &[Message] = &[
    ("title", "{question} · Live result", "{question} · Résultat en direct"),
    ("description", "The result of this vote, as it comes in.", "Le résultat de ce scrutin, en direct."),
    ("locale", "en_GB", "fr_FR"),
    ("news.shown", "The votes are shown.", "Les voix sont affichées."),
    ("full_screen", "Full screen", "Plein écran"),
    ("full_screen.key", "with the keys F and Q", "avec les touches F et Q"),
    ("polls.title", "Open polls", "Scrutins ouverts"),
    ("polls.description", "Polls that anybody can take part in now.", "Les scrutins auxquels chacun peut participer."),
    ("polls.none", "No poll is open to everybody at present.", "Aucun scrutin public n’est ouvert pour l’instant."),
    ("polls.vote", "Vote", "Voter"),
    ("polls.vote.on", "Vote: {question}", "Voter\u{a0}: {question}"),
    ("polls.more", "More polls", "Autres scrutins"),
    ("state.open", "Voting is open", "Le vote est ouvert"),
    ("state.closed", "Voting is closed", "Le vote est clos"),
    ("state.waiting", "Voting has not begun yet", "Le vote n’a pas encore commencé"),
    ("archived", "This poll has been archived", "Ce scrutin est archivé"),
    ("corrected", "Wording corrected on {time}", "Texte corrigé le {time}"),
    ("connection.live", "Live", "En direct"),
    ("connection.connecting", "Connecting…", "Connexion…"),
    ("connection.reconnecting", "Reconnecting…", "Reconnexion…"),
    ("connection.polled", "Updated every few seconds", "Actualisé toutes les quelques secondes"),
    ("connection.stale", "Scores stand still since {time}", "Résultats figés depuis {time}"),
    ("connection.page", "As of {time}", "État à {time}"),
    ("turnout.none", "No votes yet", "Aucun vote pour l’instant"),
    ("turnout.one", "1 voter", "1 votant"),
    ("turnout.many", "{count} voters", "{count} votants"),
    ("hidden.title", "The organiser will reveal the result.", "Le résultat sera dévoilé par l’organisateur."),
    ("table.caption", "Votes by option", "Voix par option"),
    ("table.option", "Option", "Option"),
    ("table.share", "Share of the voters", "Part des votants"),
    ("table.votes", "Votes", "Voix"),
    ("join", "Vote at", "Votez sur"),
    ("join.qr", "QR code of the voting page", "Code QR de la page de vote"),
    ("join.enlarge", "QR code on the whole screen", "Code QR en plein écran"),
    ("join.close", "Back to the result", "Retour au résultat"),
    ("unknown.title", "There is no such poll", "Ce scrutin n’existe pas"),
    (
        "unknown.text",
        "Please check the address, or ask whoever gave it to you.",
        "Vérifiez l’adresse, ou demandez à la personne qui vous l’a donnée.",
    ),
    ("page.title", "There is no such page", "Cette page n’existe pas"),
    (
        "unavailable.title",
        "The scores can’t be read at present",
        "Les résultats ne peuvent pas être lus pour l’instant",
    ),
    (
        "unavailable.text",
        "No vote is lost. Please look again in a few seconds.",
        "Aucun vote n’est perdu. Veuillez revenir dans quelques secondes.",
    ),
    ("again", "Look again", "Actualiser"),
    ("again.by-itself", "This page looks again by itself.", "Cette page se met à jour d’elle-même."),
    ("receipt.title", "Receipt", "Reçu"),
    ("receipt.counted", "Your ballot is counted", "Votre bulletin est compté"),
    (
        "receipt.counted.text",
        "It is in the ledger, and it is the one that counts for you.",
        "Il est dans le registre, et c’est celui qui compte pour vous.",
    ),
    ("receipt.replaced", "A later ballot replaced this one", "Un bulletin plus récent remplace celui-ci"),
    (
        "receipt.replaced.text",
        "It is in the ledger. You changed your vote afterwards, and the later ballot counts.",
        "Il est dans le registre. Vous avez changé votre vote ensuite, et c’est le bulletin plus récent qui compte.",
    ),
    ("receipt.past_round", "This ballot is of a past round", "Ce bulletin est d’un tour passé"),
    (
        "receipt.past_round.text",
        "It is in the ledger. The organiser began a new round after it, so you can vote again.",
        "Il est dans le registre. L’organisateur a lancé un nouveau tour ensuite\u{a0}: vous pouvez voter à nouveau.",
    ),
    ("receipt.waiting", "Your ballot waits to be counted", "Votre bulletin attend d’être compté"),
    (
        "receipt.waiting.text",
        "It is recorded, and the count has not come to it yet.",
        "Il est enregistré, et le décompte n’y est pas encore arrivé.",
    ),
    ("receipt.missing", "This ballot is not in the ledger", "Ce bulletin n’est pas dans le registre"),
    (
        "receipt.missing.text",
        "The count is past it without holding it. Please show this page to the organiser.",
        "Le décompte l’a dépassé sans le contenir. Montrez cette page à l’organisateur.",
    ),
    ("receipt.unknown", "This is no receipt of this poll", "Ce n’est pas un reçu de ce scrutin"),
    (
        "receipt.unknown.text",
        "Please check that the whole address was copied.",
        "Vérifiez que l’adresse a été copiée en entier.",
    ),
    (
        "receipt.counted_through",
        "The count has come to the ballots of {time}",
        "Le décompte en est aux bulletins du {time}",
    ),
    ("receipt.stale_since", "The count stands still since {time}", "Le décompte est arrêté depuis le {time}"),
    ("receipt.cast_at", "Cast on {time}", "Déposé le {time}"),
    ("receipt.counted_at", "Counted on {time}", "Compté le {time}"),
    (
        "receipt.secret",
        "A receipt says whether a ballot is counted, never what it chose.",
        "Un reçu dit si un bulletin est compté, jamais ce qu’il choisit.",
    ),
    ("receipt.result", "See the result", "Voir le résultat"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_stands_once_and_both_languages_take_the_same_values() {
        let values = |text: &str| {
            let mut names: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            names.sort_unstable();
            names.join(",")
        };
        for (index, (key, english, french)) in TEXTS.iter().enumerate() {
            assert!(TEXTS[..index].iter().all(|(other, ..)| other != key), "{key} twice");
            assert_eq!(values(english), values(french), "{key}");
        }
    }
}
