//! The texts of these pages: `result/texts/`, one file for each language. Templates name most of them; code names
//! these.

use rust_embed::RustEmbed;
use web::{
    language::Language,
    texts::{Catalogue, ProgramTexts, TextsError},
};

#[derive(RustEmbed)]
#[folder = "texts"]
struct Files;

static TEXTS: ProgramTexts<ResultText> =
    ProgramTexts::new(|| Catalogue::load::<Files>("result/texts", ResultText::KEYS));

/// Checks the files of texts. Programs ask this before anything else; no page can be made of files that are wrong.
pub fn check_texts() -> Result<(), &'static TextsError> {
    TEXTS.check()
}

/// All texts, for templates.
pub(crate) fn catalogue() -> &'static Catalogue {
    TEXTS.catalogue()
}

/// A text.
pub(crate) fn text(language: Language, key: ResultText) -> String {
    TEXTS.text(language, key, &[])
}

/// The form of a text for a number, which is the value `{count}`.
pub(crate) fn counted(language: Language, key: ResultText, count: u64) -> String {
    TEXTS.counted(language, key, count, &[])
}

web::text_keys! {
    /// The texts that code names.
    pub(crate) enum ResultText {
        Turnout = "turnout",
        UnknownTitle = "unknown.title",
        UnknownText = "unknown.text",
        UnknownEventTitle = "unknown.event.title",
        PageTitle = "page.title",
        UnavailableTitle = "unavailable.title",
        UnavailableText = "unavailable.text",
        BusyTitle = "busy.title",
        BusyText = "busy.text",
        BusyPublishedTitle = "busy.published.title",
        TicketTitle = "ticket.title",
        TicketText = "ticket.text",
        SeparatorTitle = "separator.title",
        SeparatorText = "separator.text",
        NotThereTitle = "not_there.title",
        TreeNotThere = "not_there.tree",
        SealNotThere = "not_there.seal",
        ResultNotThere = "not_there.result",
        PublishedNotThere = "not_there.published",
        PromiseNotThere = "not_there.promise",
        ProofNotThere = "not_there.proof",
        KeyNotThere = "not_there.key",
        InternalTitle = "internal.title",
        InternalText = "internal.text",
        ReceiptUnknown = "receipt.unknown",
        ReceiptUnknownText = "receipt.unknown.text",
        ReceiptCounted = "receipt.counted",
        ReceiptCountedText = "receipt.counted.text",
        ReceiptReplaced = "receipt.replaced",
        ReceiptReplacedText = "receipt.replaced.text",
        ReceiptPastRound = "receipt.past_round",
        ReceiptPastRoundText = "receipt.past_round.text",
        ReceiptWaiting = "receipt.waiting",
        ReceiptWaitingText = "receipt.waiting.text",
        ReceiptMissing = "receipt.missing",
        ReceiptMissingText = "receipt.missing.text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_templates_and_code_have_the_same_texts() {
        check_texts().unwrap();
        assert_eq!(testkit::texts::faults(env!("CARGO_MANIFEST_DIR"), ResultText::KEYS), [""; 0]);
    }
}
