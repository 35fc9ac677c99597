//! The twelve words of a seal, which people compare by reading and by ear.

use bip39::Language;
use domain::Digest;

/// How many words there are. They hold 132 bits: whoever makes both sides of a collision needs 2^66 tries.
pub const SEAL_WORDS: usize = 12;

/// How many bits each word holds.
const WORD_BITS: usize = 11;

/// The words of a digest: word `i` is its bits `11 i` to `11 i + 10`, from the English list of BIP-39. There is no
/// checksum.
pub fn words(digest: &Digest) -> [&'static str; SEAL_WORDS] {
    let list = Language::English.word_list();
    std::array::from_fn(|word| list[number(digest, word * WORD_BITS)])
}

/// The words that somebody typed, as the list has them; `None` unless there are twelve that are in the list. Commas,
/// line breaks and capitals don't matter.
pub fn parse_words(text: &str) -> Option<[&'static str; SEAL_WORDS]> {
    let list = Language::English.word_list();
    let known = |word: &str| list.binary_search(&word.to_lowercase().as_str()).ok().map(|index| list[index]);
    let typed = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    typed.map(known).collect::<Option<Vec<_>>>()?.try_into().ok()
}

/// The 11 bits from `first` on.
fn number(digest: &Digest, first: usize) -> usize {
    let bit = |index: usize| usize::from(digest.as_bytes()[index / 8] >> (7 - index % 8) & 1);
    (first..first + WORD_BITS).fold(0, |number, index| number << 1 | bit(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_bip_39_for_the_bits_that_they_share() {
        // The first eleven words of a sentence of 16 bytes have no checksum: they are ours.
        let digest = Digest::of(b"a seal");
        let theirs = bip39::Mnemonic::from_entropy(&digest.as_bytes()[..16]).unwrap();
        let theirs: Vec<_> = theirs.words().collect();
        assert_eq!(words(&digest)[..11], theirs[..11]);
        let mut last = [0; 32];
        last[15] = 0b0000_0001;
        last[16] = 0b1111_0000;
        assert_eq!(words(&Digest::from_bytes(last))[11], Language::English.word_list()[0b000_0001_1111]);
    }

    #[test]
    fn typed_words_are_found_however_they_are_set() {
        let words = words(&Digest::of(b"a seal"));
        assert_eq!(parse_words(&words.join(" ")), Some(words));
        assert_eq!(parse_words(&format!("\n{} ", words.join(", ").to_uppercase())), Some(words));
        assert_eq!(parse_words(&words[1..].join(" ")), None);
        assert_eq!(parse_words(&words.join(" ").replace(words[0], "scrutin")), None);
    }
}
