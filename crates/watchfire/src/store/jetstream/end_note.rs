//! What the node's own machine remembers of the journal's end, so that a journal that came back shorter
//! is noticed whoever wrote what is gone.
//!
//! A server that crashed and finds a damaged message cuts its copy off there and says nothing, and may
//! lead afterwards. The high-water file knows only what this node signed; this note knows how far the
//! whole journal was acknowledged. File `journal-end`, edition 1 (big-endian):
//!
//! ```text
//! "WFT" 0x01 | process 16 | sequence u64 | digest of that message 32 | SHA-256 of everything before 32
//! ```
//!
//! It is written over in place after every commit and never synced: it survives the end of the process,
//! and after a loss of power it is older or torn, which proves less and never something false.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use log::sha256;

use super::Tail;
use super::message::Process;
use crate::error::Error;

const MAGIC: [u8; 4] = *b"WFT\x01";
const BODY_BYTES: usize = 4 + 16 + 8 + 32;
const NOTE_BYTES: usize = BODY_BYTES + 32;

/// Who wrote the journal last from this machine, and how far it was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EndNote {
    pub(super) process: Process,
    pub(super) tail: Tail,
}

fn path(data: &Path) -> PathBuf {
    data.join("journal-end")
}

impl EndNote {
    /// The note in a node's folder; none where there is none, or it is torn.
    pub(super) fn read(data: &Path) -> Result<Option<Self>, Error> {
        let path = path(data);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self::parse(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path, error)),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_at_checked(BODY_BYTES)?;
        let rest = body.strip_prefix(&MAGIC).filter(|_| sha256(body) == *sum)?;
        let (process, rest) = rest.split_first_chunk()?;
        let (sequence, digest) = rest.split_first_chunk()?;
        let tail =
            Tail { sequence: u64::from_be_bytes(*sequence), digest: digest.try_into().ok()? };
        Some(Self { process: *process, tail })
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(NOTE_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.process);
        bytes.extend_from_slice(&self.tail.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.tail.digest);
        let sum = sha256(&bytes);
        bytes.extend_from_slice(&sum);
        bytes
    }
}

/// The file, open to be written over.
pub(super) struct EndNoteFile(File);

impl EndNoteFile {
    pub(super) fn open(data: &Path) -> Result<Self, Error> {
        let path = path(data);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map(Self)
            .map_err(|error| Error::file("write", &path, error))
    }

    /// Writes the note; what could not be written is noticed a little less well, and no more.
    pub(super) fn write(&self, note: EndNote) {
        if let Err(error) = self.0.write_all_at(&note.to_bytes(), 0) {
            tracing::warn!(%error, "the journal's end could not be noted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_or_cut_byte_is_no_note() {
        let note = EndNote { process: [7; 16], tail: Tail { sequence: 9, digest: [3; 32] } };
        let bytes = note.to_bytes();
        assert_eq!(bytes.len(), NOTE_BYTES);
        assert_eq!(EndNote::parse(&bytes), Some(note));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(EndNote::parse(&changed), None, "byte {at}");
            assert_eq!(EndNote::parse(&bytes[..at]), None, "cut at {at}");
        }
    }
}
