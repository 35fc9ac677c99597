//! The texts of the voting pages, in both languages. French has a no-break space before `?`, `!`, `:` and `;`.

use web::{
    language::{Message, Messages, SHARED_MESSAGES},
    organiser::DOOR_MESSAGES,
};

use crate::{organise::texts::ORGANISING, poll_faults::POLL_FAULTS};

/// All texts of this service.
pub(crate) const MESSAGES: Messages =
    Messages(&[SHARED_MESSAGES, DOOR_MESSAGES, VOTING, REFUSALS, POLL_FAULTS, ORGANISING]);

/// The voting page.
const VOTING: &[Message] = &[
    ("description", "Vote now: {options}", "Votez\u{a0}: {options}"),
    ("vote", "Vote", "Voter"),
    ("vote.change", "Change my vote", "Changer mon vote"),
    ("choose.one", "Choose one option.", "Choisissez une option."),
    ("choose.tap", "Tap an answer to vote.", "Touchez une réponse pour voter."),
    ("choose.many", "Choose up to {max} options.", "Choisissez jusqu’à {max} options."),
    ("chosen.one", "{chosen} of {max} chosen", "{chosen} sur {max} choisie"),
    ("chosen.count", "{chosen} of {max} chosen", "{chosen} sur {max} choisies"),
    ("recorded", "Your vote is recorded", "Votre vote est enregistré"),
    ("recorded.choice", "You chose", "Votre choix\u{a0}:"),
    (
        "recorded.change",
        "You can change it as long as the poll is open.",
        "Vous pouvez le changer tant que le scrutin est ouvert.",
    ),
    ("recorded.final", "It can’t be changed in this poll.", "Dans ce scrutin, il ne peut pas être changé."),
    ("your.vote", "Your vote", "Votre vote"),
    (
        "no-cookies",
        "This browser keeps no cookies, so this page can’t know you again.",
        "Ce navigateur ne garde pas de cookies\u{a0}: cette page ne pourra pas vous reconnaître.",
    ),
    (
        "no-cookies.again",
        "Please don’t vote a second time: it would count as another voter’s vote.",
        "Veuillez ne pas voter une seconde fois\u{a0}: ce serait compté comme le vote d’une autre personne.",
    ),
    (
        "no-cookies.code",
        "Your code still stands for one ballot only.",
        "Votre code ne vaut toujours que pour un seul bulletin.",
    ),
    ("no-cookies.other", "For somebody else at this device:", "Pour une autre personne sur cet appareil\u{a0}:"),
    ("next-voter", "Next voter", "Votant suivant"),
    (
        "next-voter.text",
        "Does somebody else vote on this device? Then press this first.",
        "Quelqu’un d’autre vote sur cet appareil\u{a0}? Appuyez d’abord ici.",
    ),
    ("next-voter.failed", "That did not work. Please try again.", "Cela n’a pas fonctionné. Veuillez réessayer."),
    ("next-voter.mine", "See or change my vote", "Voir ou changer mon vote"),
    ("next-voter.see", "See my vote", "Voir mon vote"),
    ("receipt", "Check that my ballot is counted", "Vérifier que mon bulletin est compté"),
    (
        "reset",
        "The poll has begun anew. Votes cast before no longer count: please vote again.",
        "Le scrutin a été recommencé. Les votes précédents ne comptent plus\u{a0}: veuillez voter à nouveau.",
    ),
    ("waiting", "This poll is not open yet", "Ce scrutin n’est pas encore ouvert"),
    (
        "waiting.text",
        "Keep this page open; you can vote as soon as the organiser opens the poll.",
        "Gardez cette page ouverte\u{a0}: vous pourrez voter dès que l’organisateur ouvrira le scrutin.",
    ),
    ("archived", "This poll has been archived", "Ce scrutin est archivé"),
    (
        "corrected",
        "The organiser has corrected the wording since voting began.",
        "L’organisateur a corrigé le texte depuis le début du vote.",
    ),
    ("closed", "This poll is closed", "Ce scrutin est clos"),
    ("closed.text", "No more votes are taken.", "Il n’est plus possible de voter."),
    ("code", "A voting code is needed", "Un code de vote est nécessaire"),
    (
        "code.text",
        "Only people who were given a code by the organiser can vote in this poll.",
        "Seules les personnes ayant reçu un code de l’organisateur peuvent voter à ce scrutin.",
    ),
    ("code.label", "Your voting code", "Votre code de vote"),
    ("code.other", "Vote with another code", "Voter avec un autre code"),
    ("options", "The options", "Les options"),
    ("live", "The result so far", "Le résultat pour l’instant"),
    ("live.closed", "The result", "Le résultat"),
    (
        "live.stale",
        "These figures stand still since {time}. Votes are recorded all the same, and counted later.",
        "Ces chiffres sont figés depuis {time}. Les votes sont enregistrés quand même, et comptés plus tard.",
    ),
    ("live.option", "Option", "Option"),
    ("live.votes", "Votes", "Voix"),
    ("live.share", "Share", "Part"),
    ("voters.none", "Nobody has voted yet.", "Personne n’a encore voté."),
    ("voters.one", "One person has voted.", "Une personne a voté."),
    ("voters.many", "{count} people have voted.", "{count} personnes ont voté."),
    ("counting", "Your vote is being counted…", "Votre vote est en cours de décompte…"),
    (
        "unsent",
        "The poll has changed: what you had chosen was not sent.",
        "Le scrutin a changé\u{a0}: ce que vous aviez choisi n’a pas été envoyé.",
    ),
    ("reload", "Look again", "Actualiser"),
    ("result", "See the live result", "Voir le résultat en direct"),
    ("result.hidden", "See the turnout", "Voir la participation"),
    ("result.closed", "See the result", "Voir le résultat"),
    ("hidden.text", "The organiser reveals the result later.", "L’organisateur dévoilera le résultat plus tard."),
    ("sending", "Sending…", "Envoi…"),
    ("home", "Go to the first page", "Aller à la page d’accueil"),
    ("back", "Go to the poll", "Aller au scrutin"),
    ("retry", "Try again", "Réessayer"),
];

/// What is refused, by the codes of [`crate::refusal::Refusal`].
const REFUSALS: &[Message] = &[
    ("title.unavailable", "Please try again", "Veuillez réessayer"),
    ("title.unknown-poll", "There is no such poll", "Ce scrutin n’existe pas"),
    ("title.no-such-page", "There is no such page", "Cette page n’existe pas"),
    ("title.internal", "Something went wrong here", "Une erreur s’est produite chez nous"),
    ("title.no-organiser", "There is no organiser here", "Il n’y a pas d’organisateur ici"),
    ("title.sign-in", "Please sign in", "Veuillez vous connecter"),
    ("title.refused", "That did not work", "Cela n’a pas fonctionné"),
    (
        "not-recorded",
        "Your vote was not recorded. Please try again.",
        "Votre vote n’a pas été enregistré. Veuillez réessayer.",
    ),
    (
        "full",
        "Your vote was not recorded: there is no room for more votes at present. Please tell the organiser.",
        "Votre vote n’a pas été enregistré\u{a0}: il n’y a plus de place pour d’autres votes pour l’instant. Veuillez \
         prévenir l’organisateur.",
    ),
    (
        "outcome-unknown",
        "We could not make sure that your vote was recorded. Please try again: voting twice is harmless, you are counted once.",
        "Nous n’avons pas pu nous assurer que votre vote est enregistré. Veuillez réessayer\u{a0}: voter deux fois est sans risque, vous ne comptez qu’une fois.",
    ),
    (
        "polls-unavailable",
        "The poll can’t be shown at the moment. Please try again in a few seconds.",
        "Le scrutin ne peut pas être affiché pour le moment. Veuillez réessayer dans quelques secondes.",
    ),
    (
        "no-choice",
        "Nothing was chosen. Choose an option, then vote.",
        "Rien n’a été choisi. Choisissez une option, puis votez.",
    ),
    ("no-option-key", "An option is one letter from a to z.", "Une option est une lettre de a à z."),
    ("unknown-option", "This poll has no option “{key}”.", "Ce scrutin n’a pas d’option «\u{a0}{key}\u{a0}»."),
    ("option-twice", "Option “{key}” was chosen twice.", "L’option «\u{a0}{key}\u{a0}» a été choisie deux fois."),
    (
        "only-one-choice",
        "Only one option may be chosen, not {chosen}.",
        "Une seule option peut être choisie, et non {chosen}.",
    ),
    (
        "too-many-choices",
        "At most {allowed} options may be chosen, not {chosen}.",
        "{allowed} options au plus peuvent être choisies, et non {chosen}.",
    ),
    (
        "poll-not-open-yet",
        "Your vote was not recorded: this poll is not open yet.",
        "Votre vote n’a pas été enregistré\u{a0}: ce scrutin n’est pas encore ouvert.",
    ),
    (
        "poll-closed",
        "Your vote was not recorded: this poll is closed.",
        "Votre vote n’a pas été enregistré\u{a0}: ce scrutin est clos.",
    ),
    (
        "already-voted",
        "You have voted already, and votes can’t be changed in this poll: your earlier ballot stands.",
        "Vous avez déjà voté, et les votes ne peuvent pas être changés dans ce scrutin\u{a0}: votre premier bulletin reste valable.",
    ),
    (
        "poll-rewritten",
        "Your vote was not recorded: the poll has been rewritten meanwhile. Please look again and vote.",
        "Votre vote n’a pas été enregistré\u{a0}: le scrutin a été modifié entre-temps. Veuillez le relire et voter.",
    ),
    (
        "code-needed",
        "Your vote was not recorded: a voting code is needed.",
        "Votre vote n’a pas été enregistré\u{a0}: un code de vote est nécessaire.",
    ),
    (
        "wrong-code",
        "Your vote was not recorded: this is not a voting code of this poll. Compare it with your sheet, letter by letter.",
        "Votre vote n’a pas été enregistré\u{a0}: ce code n’est pas un code de vote de ce scrutin. Comparez-le à votre feuille, lettre par lettre.",
    ),
    (
        "code-used",
        "This code has been used already, and votes can’t be changed in this poll: the ballot cast with it stands.",
        "Ce code a déjà été utilisé, et les votes ne peuvent pas être changés dans ce scrutin\u{a0}: le bulletin déposé avec lui reste valable.",
    ),
    (
        "too-many-tries",
        "Your vote was not recorded: this is not a voting code of this poll, and too many wrong codes came lately, \
         perhaps from somebody else. Please check it and try again in {seconds} s; a right code is taken at any time.",
        "Votre vote n’a pas été enregistré\u{a0}: ce n’est pas un code de vote de ce scrutin, et trop de codes erronés \
         sont arrivés récemment, peut-être de quelqu’un d’autre. Veuillez le vérifier et réessayer dans \
         {seconds}\u{a0}s\u{a0}; un bon code est accepté à tout moment.",
    ),
    (
        "too-many-new-voters",
        "Your vote was not recorded: many people in your network are voting at the moment. Please try again in \
         {seconds} s.",
        "Votre vote n’a pas été enregistré\u{a0}: beaucoup de personnes de votre réseau votent en ce moment. Veuillez \
         réessayer dans {seconds}\u{a0}s.",
    ),
    (
        "unknown-poll",
        "Check the address: there is no poll with this name.",
        "Vérifiez l’adresse\u{a0}: aucun scrutin ne porte ce nom.",
    ),
    ("no-such-page", "Check the address.", "Vérifiez l’adresse."),
    ("method-not-allowed", "This address does not take that method.", "Cette adresse n’accepte pas cette méthode."),
    ("not-utf8", "The form is not UTF-8 text.", "Le formulaire n’est pas du texte UTF-8."),
    (
        "bad-percent-encoding",
        "The form has a “%” without two hexadecimal digits behind it.",
        "Le formulaire contient un «\u{a0}%\u{a0}» qui n’est pas suivi de deux chiffres hexadécimaux.",
    ),
    ("bad-json", "The JSON can’t be read: {reason}.", "Le JSON est illisible\u{a0}: {reason}."),
    ("unexpected-json", "The JSON is not as expected: {reason}.", "Le JSON n’est pas celui attendu\u{a0}: {reason}."),
    ("body-too-large", "At most {limit} bytes are taken.", "{limit} octets au plus sont acceptés."),
    ("body-interrupted", "The request did not come to its end.", "La requête n’est pas arrivée en entier."),
    ("content-type", "The content type must be {expected}.", "Le type de contenu doit être {expected}."),
    (
        "cross-site",
        "Nothing was done: this came from a page of another site. Open the page of this site and try again there.",
        "Rien n’a été fait\u{a0}: cela vient d’une page d’un autre site. Ouvrez la page de ce site et réessayez.",
    ),
    (
        "another-turn",
        "Your vote was not recorded: this page was open since before the last “Next voter”. Please vote again.",
        "Votre vote n’a pas été enregistré\u{a0}: cette page date d’avant le dernier «\u{a0}Votant suivant\u{a0}». \
         Veuillez voter à nouveau.",
    ),
    ("no-kiosk", "In this poll each device has one voter.", "Dans ce scrutin, chaque appareil a un seul votant."),
    (
        "two-voters",
        "Nothing was recorded: your browser sent the cookies of two different voters, and we can’t tell which one you \
         are. Another site may have set one of them. Please delete the cookies of this site, or open a private window, \
         and try again.",
        "Rien n’a été enregistré\u{a0}: votre navigateur a envoyé les cookies de deux votants différents, et nous ne \
         pouvons pas savoir lequel vous êtes. L’un d’eux vient peut-être d’un autre site. Veuillez effacer les cookies \
         de ce site, ou ouvrir une fenêtre privée, et réessayer.",
    ),
    (
        "internal",
        "The request was not done. Please try again; voting twice is harmless, you are counted once.",
        "La requête n’a pas abouti. Veuillez réessayer\u{a0}: voter deux fois est sans risque, vous ne comptez qu’une fois.",
    ),
];
