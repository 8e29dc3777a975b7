//! Names that this host's own accounts and groups have taken.

use crate::domain::newcomer::Taken;

/// Reads the host's own files. System accounts are in them by definition; a directory service is not asked, which would be
/// slow for a long list of newcomers.
#[must_use]
pub fn taken() -> Taken {
    let files = ["/etc/passwd", "/etc/group"].map(|path| std::fs::read(path).unwrap_or_default());
    let texts = files.each_ref().map(|bytes| String::from_utf8_lossy(bytes));
    Taken::of(&texts.each_ref().map(|text| &**text))
}
