//! Texts that others keep for us (cookies, links, receipts): bytes with a tag that only we can make, in URL-safe
//! base64.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::secret::Signer;

const TAG_BYTES: usize = 16;

/// The parts, one after the other, in URL-safe base64.
pub fn encode_base64(parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(parts.concat())
}

/// Exactly `N` bytes from URL-safe base64; `None` for any other text.
pub fn decode_base64<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    (length == N).then_some(bytes)
}

impl Signer {
    /// A text with this content that is good only together with the `holder` bytes: tag (16) ‖ content.
    pub fn tagged(&self, holder: &[u8], content: &[u8]) -> String {
        encode_base64(&[&self.tag::<TAG_BYTES>(&[holder, content]), content])
    }

    /// The content of a text of this holder. `None` if it is none of ours, or certainly longer than `max_bytes`.
    pub fn untagged(&self, holder: &[u8], text: &str, max_bytes: usize) -> Option<Vec<u8>> {
        if text.len() > (TAG_BYTES + max_bytes).div_ceil(3) * 4 {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, content) = bytes.split_first_chunk::<TAG_BYTES>()?;
        self.verify(tag, &[holder, content]).then(|| content.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeyPurpose, Secret};

    #[test]
    fn only_a_whole_text_of_this_holder_has_its_content() {
        let signer = Secret::parse(&"x".repeat(32)).unwrap().signer(KeyPurpose::TurnsCookie);
        let text = signer.tagged(b"ada", b"what is kept");
        assert_eq!(signer.untagged(b"ada", &text, 12).as_deref(), Some(&b"what is kept"[..]));
        assert_eq!(signer.untagged(b"bob", &text, 12), None);
        assert_eq!(signer.untagged(b"ada", &text, 3), None, "too long");
        for bad in ["", "x", "é", &text[1..], &text[..text.len() - 2]] {
            assert_eq!(signer.untagged(b"ada", bad, 12), None, "{bad:?}");
        }
    }

    #[test]
    fn only_text_of_the_right_length_is_decoded() {
        let text = encode_base64(&[b"ab", b"c"]);
        assert_eq!(decode_base64(&text), Some(*b"abc"));
        assert_eq!(decode_base64::<2>(&text), None);
        assert_eq!(decode_base64::<4>(&text), None);
        assert_eq!(decode_base64::<3>("????"), None);
    }
}
