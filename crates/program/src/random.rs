//! Random bytes that nobody can guess: for tokens, ids and keys.

use std::cell::RefCell;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// How many bytes a thread asks the operating system for at once.
const AT_ONCE: usize = 256;

thread_local! {
    /// Bytes, and how many of the first are not used yet.
    static STORE: RefCell<([u8; AT_ONCE], usize)> = const { RefCell::new(([0; AT_ONCE], 0)) };
}

/// Random bytes from the operating system.
///
/// Every new voter needs some. So a thread asks for many at once, and returns each of them once.
///
/// # Panics
/// If the operating system has none: then no secret can be made.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= AT_ONCE) };
    STORE.with_borrow_mut(|(store, left)| {
        if *left < N {
            getrandom::fill(store).expect("the operating system gives random bytes");
            *left = AT_ONCE;
        }
        *left -= N;
        let given = &mut store[*left..*left + N];
        let mut bytes = [0; N];
        bytes.copy_from_slice(given);
        // The caller may keep them secret.
        given.fill(0);
        bytes
    })
}

/// Random bytes as URL-safe text: 22 characters for 16 bytes.
pub fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_bytes_are_returned_twice_nor_kept() {
        let mut given = HashSet::new();
        for _ in 0..100 {
            // Sizes that don't fill the store evenly.
            for bytes in [&random_bytes::<16>()[..], &random_bytes::<31>(), &random_bytes::<AT_ONCE>()] {
                for chunk in bytes.windows(8) {
                    assert!(given.insert(chunk.to_vec()), "{chunk:?} came twice");
                }
                STORE.with_borrow(|(store, left)| assert!(store[*left..].iter().all(|&byte| byte == 0)));
            }
        }
    }
}
