//! QR codes for pages, as one SVG path.

use std::fmt::Write;

use fast_qr::{ECL, qr::QRBuilder};
use serde::Serialize;

/// The light frame around a QR code that readers need, in modules.
const QUIET_ZONE: usize = 4;

/// A QR code as one SVG path of its dark modules, each one unit large, within `size` by `size` units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Qr {
    size: usize,
    path: String,
}

impl Qr {
    /// The code of a text; `None` if it is too long for one.
    pub fn new(text: &str) -> Option<Self> {
        let code = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
        let mut path = String::new();
        for y in 0..code.size {
            let mut x = 0;
            while x < code.size {
                // Dark modules side by side are drawn as one.
                let run = (x..code.size).take_while(|&x| code[y][x].value()).count();
                if run > 0 {
                    let (left, top) = (x + QUIET_ZONE, y + QUIET_ZONE);
                    write!(path, "M{left} {top}h{run}v1h-{run}z").expect("writing to a String");
                }
                x += run + 1;
            }
        }
        Some(Self { size: code.size + 2 * QUIET_ZONE, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_quiet_zone_and_its_finder_pattern() {
        let qr = Qr::new("http://10.0.0.7:8080").unwrap();
        // Version 2 has 25 modules on each side, and the first finder pattern is behind the quiet zone.
        assert_eq!(qr.size, 25 + 2 * QUIET_ZONE);
        assert!(qr.path.starts_with("M4 4h7v1h-7z"));
        assert_eq!(Qr::new(&"x".repeat(10_000)), None);
    }
}
