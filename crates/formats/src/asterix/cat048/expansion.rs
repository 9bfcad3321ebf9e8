//! The reserved expansion field of category 048 (appendix A, edition 1.11), as far as the extended
//! range report.
//!
//! ```text
//! presence (1 byte: MD5, M5N, M4E, RPC, ERR, RTC, CPC, -) │ item, item, …
//! ```

use base::Metres;

use super::CATEGORY;
use crate::Error;
use crate::asterix::cursor::Cursor;
use crate::asterix::nautical_miles;

/// Slant range beyond 256 nautical miles, if the field has one. `field` lies `offset` bytes into the
/// recording.
pub(super) fn extended_range(field: &[u8], offset: usize) -> Result<Option<Metres>, Error> {
    // Lengths in bytes of the subfields of each compound item that stands before the range.
    const MODE_5: &[usize] = &[1, 4, 6, 2, 2, 1, 1];
    const MODE_5_NEW: &[usize] = &[1, 4, 6, 2, 2, 1, 1, 1];
    const PLOT: &[usize] = &[1, 2, 2, 2];

    let mut cursor = Cursor::new(field, offset, CATEGORY);
    let present = cursor.u8("RE")?;
    let has = |position: u8| present >> (7 - position) & 1 == 1;
    if !has(4) {
        return Ok(None);
    }
    if has(0) {
        pass(&mut cursor, "RE/MD5", MODE_5)?;
    }
    if has(1) {
        pass(&mut cursor, "RE/M5N", MODE_5_NEW)?;
    }
    if has(2) {
        cursor.extended("RE/M4E")?;
    }
    if has(3) {
        pass(&mut cursor, "RE/RPC", PLOT)?;
    }
    cursor.u24("RE/ERR").map(|steps| Some(nautical_miles(steps, 8)))
}

/// Passes over a compound item whose subfields have these lengths.
fn pass(cursor: &mut Cursor<'_>, item: &'static str, lengths: &[usize]) -> Result<(), Error> {
    for number in cursor.present(item)? {
        let Some(&length) = lengths.get(number - 1) else {
            return Err(cursor.undefined(item, "the subfields of edition 1.11", number));
        };
        cursor.bytes(item, length)?;
    }
    Ok(())
}
