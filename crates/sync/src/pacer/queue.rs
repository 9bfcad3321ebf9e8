//! What waits to leave: a lane's frames as one run of bytes, cut where a segment ends.

use std::collections::VecDeque;
use std::sync::Arc;

use super::LENGTH_BYTES;

/// One lane's outgoing bytes.
#[derive(Debug, Default)]
pub(super) struct LaneQueue {
    frames: VecDeque<Arc<[u8]>>,
    /// Bytes of the front frame's length and content that have left.
    gone: usize,
    bytes: usize,
    /// The number of the next unit.
    number: u16,
}

impl LaneQueue {
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) const fn next_number(&self) -> u16 {
        self.number
    }

    pub(super) fn push(&mut self, frame: Arc<[u8]>) {
        let length = frame.len();
        assert!(
            (1..=base::limits::FRAME_BYTES_MAX).contains(&length),
            "frames are made within `FRAME_BYTES_MAX`, got {length} bytes"
        );
        self.bytes += LENGTH_BYTES + length;
        self.frames.push_back(frame);
    }

    /// Takes the next unit: its number and up to `bytes_max` bytes.
    pub(super) fn take(&mut self, bytes_max: usize) -> (u16, Vec<u8>) {
        let mut content = Vec::with_capacity(bytes_max.min(self.bytes));
        while let Some(frame) = self.frames.front() {
            let room = bytes_max - content.len();
            if room == 0 {
                break;
            }
            let length = u32::try_from(frame.len()).expect("checked when pushed").to_be_bytes();
            let rest = if self.gone < LENGTH_BYTES {
                &length[self.gone..]
            } else {
                &frame[self.gone - LENGTH_BYTES..]
            };
            let taken = &rest[..rest.len().min(room)];
            content.extend_from_slice(taken);
            self.gone += taken.len();
            if self.gone == LENGTH_BYTES + frame.len() {
                self.frames.pop_front();
                self.gone = 0;
            }
        }
        self.bytes -= content.len();
        let number = self.number;
        self.number = number.wrapping_add(1);
        (number, content)
    }
}
