//! What a voter can later look up.

use std::fmt;

use crate::{
    poll_id::PollId,
    position::Position,
    secret::Secret,
    tagged::{decode_base64, encode_base64},
    voter::VoterId,
};

const TAG_BYTES: usize = 8;
const RECEIPT_BYTES: usize = 8 + 16 + TAG_BYTES;

/// A voter's receipt for one acknowledged ballot: its position in the log, and the voter's pseudonym.
///
/// With it the ledger says whether the ballot is counted, never what it chose, so it can't be sold. It is signed, so
/// that a forged receipt differs from one that is not counted yet. The pseudonym in it is masked, by the secret and the
/// position: exports are in the order of pseudonyms, and with many receipts in clear one could tell whose line is
/// whose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The ballot's position in the log.
    pub position: Position,
    /// The voter's pseudonym in that poll.
    pub voter: VoterId,
}

/// The text is no receipt of this poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no receipt of this poll")]
pub struct ReceiptError;

impl Receipt {
    /// The 43 URL-safe characters that the voter gets.
    pub fn encode(&self, secret: &Secret, poll: PollId) -> String {
        let position = self.position.as_i64().to_be_bytes();
        let voter = masked(self.voter.as_bytes(), position, secret, poll);
        let tag: [u8; TAG_BYTES] = secret.receipts().tag(&self.signed(&poll, &position));
        encode_base64(&[&position, &voter, &tag])
    }

    /// Reads a receipt that this installation issued for `poll`.
    pub fn decode(text: &str, secret: &Secret, poll: PollId) -> Result<Self, ReceiptError> {
        let bytes: [u8; RECEIPT_BYTES] = decode_base64(text).ok_or(ReceiptError)?;
        let (place, rest) = bytes.split_first_chunk::<8>().expect("32 bytes");
        let (voter, rest) = rest.split_first_chunk::<16>().expect("24 bytes");
        let tag = rest.first_chunk::<TAG_BYTES>().expect("8 bytes");
        let position = Position::from_i64(i64::from_be_bytes(*place)).ok_or(ReceiptError)?;
        let receipt = Self { position, voter: VoterId::from_bytes(masked(voter, *place, secret, poll)) };
        let right = secret.receipts().verify(tag, &receipt.signed(&poll, place));
        if right { Ok(receipt) } else { Err(ReceiptError) }
    }

    /// What the tag is made over.
    fn signed<'a>(&'a self, poll: &'a PollId, position: &'a [u8; 8]) -> [&'a [u8]; 3] {
        [poll.as_str().as_bytes(), position, self.voter.as_bytes()]
    }
}

/// The pseudonym under its mask, or, given that, the pseudonym.
fn masked(voter: &[u8; 16], position: [u8; 8], secret: &Secret, poll: PollId) -> [u8; 16] {
    let mask = secret.receipt_masks().sign(&[poll.as_str().as_bytes(), &position]);
    std::array::from_fn(|index| voter[index] ^ mask[index])
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_tell_nothing_of_the_order_of_pseudonyms() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let shown = |voter: u8, sequence: u64| {
            let position = Position::new(1_700_000_000_000, sequence).unwrap();
            let receipt = Receipt { position, voter: VoterId::from_bytes([voter; 16]) };
            let text = receipt.encode(&secret, PollId::MAIN);
            assert_eq!(Receipt::decode(&text, &secret, PollId::MAIN), Ok(receipt));
            decode_base64::<RECEIPT_BYTES>(&text).unwrap()[8..24].to_vec()
        };
        let in_clear = (1..=40).filter(|&voter| shown(voter, voter.into()) == [voter; 16]).count();
        let in_order = (1..40).filter(|&voter| shown(voter, voter.into()) < shown(voter + 1, u64::from(voter) + 1));
        assert_eq!(in_clear, 0);
        assert!((8..32).contains(&in_order.count()), "about every other one, as with random numbers");
        // Nor does it tell that two ballots are of one voter.
        assert_ne!(shown(1, 1), shown(1, 2));
    }

    #[test]
    fn only_receipts_of_this_poll_and_installation_are_read() {
        let secret = Secret::parse(&"x".repeat(32)).unwrap();
        let voter = VoterId::of_cookie(&secret, PollId::MAIN, b"token");
        let receipt = Receipt { position: Position::new(1_700_000_000_000, 3).unwrap(), voter };
        let text = receipt.encode(&secret, PollId::MAIN);
        assert_eq!(text.len(), 43);
        assert_eq!(Receipt::decode(&text, &secret, PollId::MAIN), Ok(receipt));

        let other_poll = PollId::parse("other").unwrap();
        let other_secret = Secret::parse(&"y".repeat(32)).unwrap();
        assert_eq!(Receipt::decode(&text, &secret, other_poll), Err(ReceiptError));
        assert_eq!(Receipt::decode(&text, &other_secret, PollId::MAIN), Err(ReceiptError));
        let mut forged = text.clone().into_bytes();
        forged[5] = if forged[5] == b'A' { b'B' } else { b'A' };
        assert_eq!(Receipt::decode(str::from_utf8(&forged).unwrap(), &secret, PollId::MAIN), Err(ReceiptError));
        for bad in ["", "x", &text[..42], &format!("{text}A"), "é"] {
            assert_eq!(Receipt::decode(bad, &secret, PollId::MAIN), Err(ReceiptError), "{bad:?}");
        }
    }
}
