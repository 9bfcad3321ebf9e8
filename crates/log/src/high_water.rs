//! The high-water file: what this node has signed, kept outside the store and its backups.
//!
//! ```text
//! watchfire high-water v1
//! realm operational
//! node KOR-1
//! log KOR-1.flash.<32 hex digits> 42 <root, base 64>
//! sha256 <64 hex digits over everything before this line>
//! ```
//!
//! The shell writes it after the store's commit and before anything signed leaves the node, in a way
//! that a torn write leaves an older whole one (two slots written in turn). A store that is behind it was restored or rolled back, and
//! continuing its logs would sign a second history: the node starts a new incarnation whose first entry
//! ([`crate::IncarnationStart`]) cites the old logs, and the lost tail comes back from partners.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base::NodeId;

use crate::keys::{Hash, sha256};
use crate::{Error, LogId, LogState, Realm, base64};

/// The last signed size and root of each of this node's logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HighWater {
    /// The realm.
    pub realm: Realm,
    /// The node.
    pub node: NodeId,
    logs: BTreeMap<LogId, (u64, Hash)>,
}

/// How a store stands to the high-water file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The store has everything that was signed: go on.
    Continues,
    /// The store lacks signed entries, or has others: a new incarnation that cites these logs.
    Behind {
        /// The logs as signed.
        signed: Vec<LogState>,
    },
}

impl HighWater {
    /// A file that names no log yet.
    pub const fn new(realm: Realm, node: NodeId) -> Self {
        Self { realm, node, logs: BTreeMap::new() }
    }

    /// Notes that `state` was signed; a lower size than noted changes nothing.
    ///
    /// # Panics
    /// If the log is another node's.
    pub fn raise(&mut self, state: &LogState) {
        assert_eq!(state.log.node, self.node, "the high-water file is about the node's own logs");
        let noted = self.logs.entry(state.log).or_insert((state.size, state.root));
        if state.size >= noted.0 {
            *noted = (state.size, state.root);
        }
    }

    /// The logs as signed, in order.
    pub fn logs(&self) -> impl Iterator<Item = LogState> + '_ {
        self.logs.iter().map(|(log, (size, root))| LogState { log: *log, size: *size, root: *root })
    }

    /// Compares with a store, which answers the root of a log at a size it has a checkpoint for.
    pub fn standing<E>(
        &self,
        mut root_at: impl FnMut(&LogId, u64) -> Result<Option<Hash>, E>,
    ) -> Result<Standing, E> {
        for state in self.logs() {
            if root_at(&state.log, state.size)? != Some(state.root) {
                return Ok(Standing::Behind { signed: self.logs().collect() });
            }
        }
        Ok(Standing::Continues)
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let mut text =
            format!("watchfire high-water v1\nrealm {}\nnode {}\n", self.realm, self.node);
        for (log, (size, root)) in &self.logs {
            writeln!(text, "log {log} {size} {}", base64::encode(root)).expect("strings take it");
        }
        let sum = base64::hex(&sha256(text.as_bytes()));
        text + &format!("sha256 {sum}\n")
    }

    /// Reads the file; a changed byte anywhere is refused.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |expected| Error::text("a high-water file", expected, text);
        let split = text.rfind("sha256 ").ok_or_else(|| bad("a checksum on its last line"))?;
        let (body, sum) = text.split_at(split);
        if sum != format!("sha256 {}\n", base64::hex(&sha256(body.as_bytes()))) {
            return Err(bad("a checksum that fits"));
        }
        let mut lines = body.lines();
        let mut value = |name: &str| lines.next()?.strip_prefix(name);
        if value("watchfire high-water v1") != Some("") {
            return Err(bad("`watchfire high-water v1` first"));
        }
        let realm = value("realm ").and_then(|v| v.parse().ok()).ok_or_else(|| bad("a realm"))?;
        let node = value("node ").and_then(|v| v.parse().ok()).ok_or_else(|| bad("a node"))?;
        let mut file = Self::new(realm, node);
        for line in lines {
            let state = line.strip_prefix("log ").and_then(read_state);
            let state = state.filter(|state| state.log.node == node);
            file.raise(&state.ok_or_else(|| bad("`log LOG SIZE ROOT` lines of this node"))?);
        }
        if file.to_text() == text { Ok(file) } else { Err(bad("logs in order, each once")) }
    }
}

fn read_state(value: &str) -> Option<LogState> {
    let mut parts = value.split(' ');
    let log = parts.next()?.parse().ok()?;
    let size = parts.next()?.parse().ok()?;
    let root = base64::decode_array(parts.next()?)?;
    parts.next().is_none().then_some(LogState { log, size, root })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(size: u64) -> Hash {
        [u8::try_from(size).unwrap(); 32]
    }

    fn sample() -> HighWater {
        let mut file = HighWater::new(Realm::Operational, "KOR-1".parse().unwrap());
        for (lane, size) in [("flash", 3), ("routine", 70)] {
            let log = format!("KOR-1.{lane}.000102030405060708090a0b0c0d0e0f").parse().unwrap();
            file.raise(&LogState { log, size, root: root(size) });
        }
        file
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let text = sample().to_text();
        assert_eq!(HighWater::parse(&text).unwrap(), sample());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(HighWater::parse(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_store_without_the_signed_root_is_behind() {
        let file = sample();
        let standing = |answer: Option<Hash>| {
            file.standing(|_, size| Ok::<_, ()>(answer.or(Some(root(size))))).unwrap()
        };
        assert_eq!(standing(None), Standing::Continues);
        assert!(
            matches!(standing(Some([9; 32])), Standing::Behind { signed } if signed.len() == 2)
        );
        let missing = file.standing(|_, _| Ok::<_, ()>(None)).unwrap();
        assert!(matches!(missing, Standing::Behind { .. }));
    }
}
