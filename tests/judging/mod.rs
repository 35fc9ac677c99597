//! What axe-core does not judge: whether a page fits all widths and people's own spacing, whether its text grows with
//! the zoom, and whether what has the focus is seen.

mod focus;
mod layout;

pub(crate) use focus::unseen_focus;
pub(crate) use layout::{cut, spaced, too_small_when_zoomed, too_wide};
