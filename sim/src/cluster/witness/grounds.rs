//! What facts under a key that signed two histories are worth, as every honest host sees it.

use log::{EntryId, Fact};

use super::super::network::HostIndex;
use super::{Seen, Witness};

impl Witness {
    /// A fact of another history than the one taken first: of a node that was proven to have two.
    pub(super) fn look_at_apart(
        &mut self,
        host: HostIndex,
        fact: &Fact,
        seen: &Seen<'_>,
        lied: bool,
    ) {
        let (id, entry) = (seen.id, fact.id);
        self.apart += 1;
        if !lied || !self.proven.contains(&host) {
            self.fail(format!("{id} keeps {entry} apart, and nothing was proven"));
        }
        if !fact.audience.contains(id.partner()) {
            self.fail(format!("{id} opened {entry}, which is for {}", fact.audience));
        }
        let told = self.told.get_mut(&host).expect("a host starts before it tells");
        if !told.apart.insert((entry, fact.leaf_hash)) {
            self.fail(format!("{id} told {entry} of another history twice"));
        }
    }

    /// Whether an effect might rest on this fact alone.
    pub(super) fn look_at_grounds(&mut self, seen: &Seen<'_>, entry: EntryId, lied: bool) {
        let Some(node) = seen.node else { return };
        let id = seen.id;
        let contested = node.is_contested(&entry);
        if lied && self.proven.contains(&seen.host) && node.grounds(&[entry]).hold() {
            let of = entry.log.node;
            self.fail(format!("{id} lets an effect rest on {entry}, and {of} has two histories"));
        }
        if !lied && contested {
            self.fail(format!("{id} calls {entry} contested, which one history holds"));
        }
    }

    /// The same of everything told, and that one sound fact is enough beside any others.
    pub(super) fn look_at_all_grounds(&mut self, hosts: &[Seen<'_>]) {
        let liar = self.liar;
        for seen in hosts.iter().filter(|seen| Some(seen.host) != liar) {
            let Some(told) = self.told.get(&seen.host) else { continue };
            let entries: Vec<EntryId> = told.entries.iter().copied().collect();
            let mut sound = None;
            for entry in &entries {
                self.look_at_grounds(seen, *entry, self.is_liar(entry.log.node, hosts));
                sound = sound.or(Some(*entry).filter(|entry| entry.log.node == seen.id));
            }
            let contested = entries.iter().find(|entry| self.is_liar(entry.log.node, hosts));
            if let (Some(node), Some(sound), Some(contested)) = (seen.node, sound, contested)
                && !node.came_late(&sound)
                && !node.grounds(&[*contested, sound]).hold()
            {
                self.fail(format!("{} lets nothing rest on its own {sound}", seen.id));
            }
        }
    }
}
