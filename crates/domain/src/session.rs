//! The name of an organiser's session.

/// Which session of the organiser: 16 random bytes. It opens nothing by itself; the signed cookie does.
pub type SessionId = [u8; 16];
