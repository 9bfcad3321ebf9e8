//! Who held an entry and when, why a partner has or has not got it, and what a release would send to
//! whom: facts from the loop and the store made into answers. No decision is taken here.

use std::collections::BTreeMap;

use base::{NodeId, PartnerId, Timestamp};
use log::{
    Audience, Charter, EntryHeader, EntryId, Receipt, Sight, StoreRead, StoreReadExt, entry_header,
    receipts_of,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sync::{Append, Reason, Refusal, Ticket, Why};
use tokio::sync::oneshot;

use super::answers::{Proposal, WarningNote};
use super::ask::Draft;
use super::{Act, Core};
use crate::http::Problem;

/// Batches looked at to say how many bytes go before an entry; beyond it the answer says "at least".
const AHEAD_BATCHES_MAX: usize = 4_096;
/// Bytes of them; likewise.
const AHEAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Entries a statement may cite and be looked up for.
const CITED_MAX: usize = 256;

/// Questions of this module.
#[derive(Debug)]
pub(crate) enum Explain {
    /// The charter in force.
    Charter(oneshot::Sender<std::sync::Arc<Charter>>),
    /// Why a partner has or has not got an entry.
    Why { entry: EntryId, audience: Audience, partner: PartnerId, reply: oneshot::Sender<Why> },
    /// What an append would do.
    Preview { proposal: Proposal, reply: oneshot::Sender<Result<Planned, Problem>> },
    /// What an officer's act would do.
    PreviewAct {
        warning: String,
        act: Act,
        note: WarningNote,
        reply: oneshot::Sender<Result<Planned, Problem>>,
    },
}

/// What the loop says of something that is not done yet.
#[derive(Debug)]
pub(crate) struct Planned {
    charter: std::sync::Arc<Charter>,
    kind: String,
    preview: sync::Preview,
    cited: Vec<EntryId>,
    alert: bool,
}

impl Core {
    pub(super) fn explain(&mut self, question: Explain) {
        // A handler that went away no longer cares.
        match question {
            Explain::Charter(reply) => drop(reply.send(std::sync::Arc::clone(&self.charter))),
            Explain::Why { entry, audience, partner, reply } => {
                drop(reply.send(self.node.why(entry, audience, partner)));
            }
            Explain::Preview { proposal, reply } => {
                let planned = self.read_proposal(&proposal).and_then(|draft| {
                    let cited = cited_in(&proposal.content);
                    self.plan(draft, cited, false)
                });
                drop(reply.send(planned));
            }
            Explain::PreviewAct { warning, act, note, reply } => {
                drop(reply.send(self.plan_act(&warning, act, note)));
            }
        }
    }

    /// The very draft that the act would append, looked at instead of appended.
    fn plan_act(&mut self, name: &str, act: Act, note: WarningNote) -> Result<Planned, Problem> {
        let cited = self.evidence(name)?;
        let (draft, _) = self.draft_act(name, act, note)?;
        self.plan(draft, cited, true)
    }

    fn plan(&self, draft: Draft, cited: Vec<EntryId>, alert: bool) -> Result<Planned, Problem> {
        let kind = draft.kind.to_string();
        let append = draft.into_append(Ticket(self.next_ticket));
        let preview = self.node.preview(&append).map_err(|refusal| refused(&append, &refusal))?;
        Ok(Planned { charter: std::sync::Arc::clone(&self.charter), kind, preview, cited, alert })
    }
}

fn refused(append: &Append, refusal: &Refusal) -> Problem {
    Problem::refused(refusal.to_string())
        .hint(format!("nothing was appended or sent of the `{}`", append.kind))
}

/// Every entry named anywhere in a content, each once, in order.
fn cited_in(content: &serde_json::Value) -> Vec<EntryId> {
    let mut found = std::collections::BTreeSet::new();
    let mut waiting = vec![content];
    while let Some(value) = waiting.pop() {
        match value {
            serde_json::Value::String(text) => found.extend(text.parse::<EntryId>()),
            serde_json::Value::Array(values) => waiting.extend(values),
            serde_json::Value::Object(fields) => waiting.extend(fields.values()),
            _ => {}
        }
    }
    found.into_iter().take(CITED_MAX).collect()
}

/// Who held an entry, and when.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct EntryReceipts {
    /// The entry.
    pub(crate) entry: String,
    /// The answer in one sentence.
    pub(crate) summary: String,
    /// Who wrote it.
    pub(crate) origin: NodeId,
    /// When it was logged; null where this node sees only its leaf hash.
    pub(crate) logged: Option<Timestamp>,
    /// Who may read it; null where this node sees only its leaf hash.
    pub(crate) audience: Option<String>,
    /// How urgent it was.
    pub(crate) precedence: String,
    /// Every node of the charter and every node that stated anything, in order.
    pub(crate) nodes: Vec<NodeReceipt>,
}

/// What one node has stated about one entry. Times are of its own clock, to the second.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NodeReceipt {
    /// The node.
    pub(crate) node: NodeId,
    /// Whose it is.
    pub(crate) partner: PartnerId,
    /// `origin`, `here`, `holds`, `witness` or `none`.
    #[schemars(extend("enum" = ["origin", "here", "holds", "witness", "none"]))]
    pub(crate) state: String,
    /// Whether the audience has its partner; null where that is not known here.
    pub(crate) addressed: Option<bool>,
    /// When it first stated that it holds the entry.
    pub(crate) held: Option<Timestamp>,
    /// When it first witnessed a tree with the entry.
    pub(crate) witnessed: Option<Timestamp>,
    /// The size of the log that the first holding statement covers.
    pub(crate) holds_size: Option<u64>,
    /// The size of the log that the first witnessing statement covers.
    pub(crate) witness_size: Option<u64>,
    /// The first entry, and the first after, of a range held above a gap.
    pub(crate) range: Option<[u64; 2]>,
    /// The signed lines, as C2SP notes carry them.
    pub(crate) proof: Vec<String>,
}

/// Who held `id` and when, from the store alone. Nothing if the store has no such entry.
pub(crate) fn receipts<S: StoreRead + ?Sized>(
    store: &S,
    charter: &Charter,
    me: NodeId,
    id: EntryId,
) -> Result<Option<EntryReceipts>, log::Error> {
    if store.head(&id.log)?.is_none_or(|head| head.newest() <= id.index) {
        return Ok(None);
    }
    let header = entry_header(store, &id)?;
    let found = receipts_of(store, &id)?;
    let stated: BTreeMap<NodeId, &Receipt> = found.iter().map(|made| (made.by, made)).collect();
    let nodes: std::collections::BTreeSet<NodeId> =
        charter.nodes().map(|(node, _)| node).chain(stated.keys().copied()).collect();
    let nodes: Vec<NodeReceipt> = nodes
        .into_iter()
        .map(|node| {
            node_receipt(node, me, &id, header.as_ref(), stated.get(&node).copied(), charter)
        })
        .collect();
    Ok(Some(EntryReceipts {
        entry: id.to_string(),
        summary: summary(&id, me, header.as_ref(), &nodes),
        origin: id.log.node,
        logged: header.map(|header| header.logged),
        audience: header.map(|header| header.audience.to_string()),
        precedence: id.log.lane.as_str().to_owned(),
        nodes,
    }))
}

fn node_receipt(
    node: NodeId,
    me: NodeId,
    id: &EntryId,
    header: Option<&EntryHeader>,
    receipt: Option<&Receipt>,
    charter: &Charter,
) -> NodeReceipt {
    let addressed = header.map(|header| header.audience.contains(node.partner()));
    let reads = addressed == Some(true);
    // Outside the audience a `holds` covers the entry without saying anything of it.
    let holds = receipt.filter(|_| reads).and_then(|receipt| receipt.holds.as_ref());
    let range = receipt.filter(|_| reads).and_then(|receipt| receipt.range.as_ref());
    let witness = receipt.and_then(|receipt| receipt.witness.as_ref());
    let state = if node == id.log.node {
        "origin"
    } else if node == me && reads {
        "here"
    } else if holds.is_some() || range.is_some() {
        "holds"
    } else if witness.is_some() || node == me {
        "witness"
    } else {
        "none"
    };
    let record = charter.node(node);
    let lines =
        [(holds, record.map(|keys| keys.holds)), (witness, record.map(|keys| keys.witness))];
    let proof = lines.into_iter().filter_map(|(made, key)| Some(made?.to_note_line(&key?)));
    NodeReceipt {
        node,
        partner: node.partner(),
        state: state.to_owned(),
        addressed,
        held: receipt.filter(|_| reads).and_then(Receipt::held_at),
        witnessed: receipt.and_then(Receipt::witnessed_at),
        holds_size: holds.map(|made| made.checkpoint.size),
        witness_size: witness.map(|made| made.checkpoint.size),
        range: range.map(|receipt| [receipt.from, receipt.to]),
        proof: proof.map(|line| line.trim_end().to_owned()).collect(),
    }
}

fn summary(
    id: &EntryId,
    me: NodeId,
    header: Option<&EntryHeader>,
    nodes: &[NodeReceipt],
) -> String {
    let origin = id.log.node;
    let Some(header) = header else {
        return format!("this node sees only the leaf hash of an entry of {origin}");
    };
    if origin != me {
        return format!(
            "{origin} wrote it and it is held here; receipts of other nodes go to {origin}: ask there"
        );
    }
    let mut others = header.audience.members().to_vec();
    others.retain(|partner| *partner != origin.partner());
    if others.is_empty() {
        return format!("{origin} wrote it for its own partner alone");
    }
    let holding = |partner: &PartnerId| {
        nodes.iter().any(|node| node.partner == *partner && node.state == "holds")
    };
    let (have, lack): (Vec<PartnerId>, Vec<PartnerId>) = others.iter().partition(|p| holding(p));
    let names = |partners: &[PartnerId]| {
        partners.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match (have.as_slice(), lack.as_slice()) {
        (have, []) => format!("held by every other partner of the audience: {}", names(have)),
        ([], lack) => format!("no receipt yet from {}", names(lack)),
        (have, lack) => format!("held by {}; no receipt yet from {}", names(have), names(lack)),
    }
}

/// Why a partner has or has not got an entry.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WhyAnswer {
    /// The entry.
    pub(crate) entry: String,
    /// The partner asked about.
    pub(crate) partner: PartnerId,
    /// The answer in one sentence.
    pub(crate) sentence: String,
    /// Whether the partner has it, as far as this node knows.
    pub(crate) has_it: bool,
    /// The reason in one word.
    pub(crate) reason: String,
    /// Who may read it.
    pub(crate) audience: String,
    /// `whole` or `leaf-hash`: what the partner sees now.
    pub(crate) sees: String,
    /// Why no more than a leaf hash: `not-in-audience`, `withheld` or `not-a-partner`.
    pub(crate) hidden: Option<String>,
    /// The charter edition this was judged by.
    pub(crate) charter_edition: u32,
    /// The number of the partner's roster.
    pub(crate) roster: u32,
    /// The number of the origin's roster, which says whom it withholds from.
    pub(crate) origin_roster: u32,
    /// The lane.
    pub(crate) lane: String,
    /// The partner's nodes.
    pub(crate) nodes: Vec<NodeWhyAnswer>,
}

/// What is known of one entry and one node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NodeWhyAnswer {
    /// The node.
    pub(crate) node: NodeId,
    /// The reason in one word.
    pub(crate) reason: String,
    /// Over what the charter's line to it runs; null if there is none.
    pub(crate) carrier: Option<String>,
    /// `up`, `late` or `lost`.
    pub(crate) line: String,
    /// Whether a connection stands.
    pub(crate) connected: bool,
    /// Seconds since anything was heard.
    pub(crate) quiet_s: Option<f64>,
    /// Entries of the log that were sent, or that the node has.
    pub(crate) sent: u64,
    /// Entries of the log it has witnessed.
    pub(crate) witnessed: u64,
    /// Entries of the log below which it holds everything addressed to it.
    pub(crate) holds: u64,
    /// Entries of the lane that go first.
    pub(crate) ahead_entries: u64,
    /// Their bytes as stored.
    pub(crate) ahead_bytes: u64,
    /// Whether there are more bytes than were counted.
    pub(crate) ahead_bytes_more: bool,
    /// When its newest statement about the log was made, by its own clock.
    pub(crate) last_receipt: Option<Timestamp>,
}

/// The loop's answer with what only the store knows.
pub(crate) fn why<S: StoreRead + ?Sized>(store: &S, why: &Why) -> Result<WhyAnswer, log::Error> {
    let mut newest: BTreeMap<NodeId, u64> = BTreeMap::new();
    for made in store.cosignatures(&why.entry.log)? {
        let time_s = newest.entry(made.by).or_insert(0);
        *time_s = made.time_s.max(*time_s);
    }
    let mut nodes = Vec::new();
    for node in &why.nodes {
        let waits = matches!(node.reason, Reason::Queued | Reason::LineDown | Reason::Carried);
        let (bytes, more) =
            if waits { bytes_ahead(store, why.entry, node.ahead.from)? } else { (0, false) };
        nodes.push(NodeWhyAnswer {
            node: node.node,
            reason: node.reason.as_str().to_owned(),
            carrier: node.carrier.map(|carrier| carrier.as_str().to_owned()),
            line: line_word(node.line).to_owned(),
            connected: node.connected,
            quiet_s: node.quiet.map(|quiet| quiet.as_nanos() as f64 / 1e9),
            sent: node.sent,
            witnessed: node.witnessed,
            holds: node.holds,
            ahead_entries: node.ahead.entries,
            ahead_bytes: bytes,
            ahead_bytes_more: more,
            last_receipt: newest
                .get(&node.node)
                .and_then(|time_s| i64::try_from(*time_s).ok())
                .map(Timestamp::from_seconds),
        });
    }
    let hidden = match why.sight {
        Sight::Whole => None,
        Sight::LeafHash(hidden) => Some(hidden.as_str().to_owned()),
    };
    Ok(WhyAnswer {
        entry: why.entry.to_string(),
        partner: why.partner,
        sentence: why.sentence(),
        has_it: why.reason.has_it(),
        reason: why.reason.as_str().to_owned(),
        audience: why.audience.to_string(),
        sees: sees(why.sight).to_owned(),
        hidden,
        charter_edition: why.charter_edition,
        roster: why.rosters.0,
        origin_roster: why.rosters.1,
        lane: why.entry.log.lane.as_str().to_owned(),
        nodes,
    })
}

/// Bytes of the batches from entry `from` to the one before `entry`, and whether there are more.
fn bytes_ahead<S: StoreRead + ?Sized>(
    store: &S,
    entry: EntryId,
    from: u64,
) -> Result<(u64, bool), log::Error> {
    if from >= entry.index {
        return Ok((0, false));
    }
    let batches = store.batches(&entry.log, from, AHEAD_BATCHES_MAX, AHEAD_BYTES_MAX)?;
    let before = batches.iter().take_while(|batch| batch.first() < entry.index);
    let bytes = before.map(|batch| batch.as_bytes().len() as u64).sum();
    let more = batches.last().is_some_and(|batch| batch.end() < entry.index);
    Ok((bytes, more))
}

const fn line_word(line: sync::LineState) -> &'static str {
    match line {
        sync::LineState::Up => "up",
        sync::LineState::Late => "late",
        sync::LineState::Lost => "lost",
    }
}

const fn sees(sight: Sight) -> &'static str {
    if sight.is_whole() { "whole" } else { "leaf-hash" }
}

/// What a release or append would send to whom.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Preview {
    /// The answer in one sentence.
    pub(crate) sentence: String,
    /// The kind of statement.
    pub(crate) kind: String,
    /// Who may read it.
    pub(crate) audience: String,
    /// The lane it would go into.
    pub(crate) lane: String,
    /// Bytes of content before sealing.
    pub(crate) bytes: u64,
    /// Every other partner of the charter.
    pub(crate) partners: Vec<PartnerPreview>,
    /// Entries it cites that some reader may not read: these readers learn that there is such an entry,
    /// and nothing of it but an opaque handle.
    pub(crate) downgraded: Vec<Downgraded>,
    /// Whether it also becomes a public alert, which names evidence by opaque handles only.
    pub(crate) public_alert: bool,
}

/// What one partner would get.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PartnerPreview {
    /// The partner.
    pub(crate) partner: PartnerId,
    /// `whole` or `leaf-hash`.
    #[schemars(extend("enum" = ["whole", "leaf-hash"]))]
    pub(crate) sees: String,
    /// Why no more than a leaf hash: `not-in-audience`, `withheld` or `not-a-partner`.
    pub(crate) hidden: Option<String>,
    /// Where it would go.
    pub(crate) nodes: Vec<NodePreview>,
}

/// One node it would go to.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NodePreview {
    /// The node.
    pub(crate) node: NodeId,
    /// Over what the charter's line to it runs; null if there is none.
    pub(crate) carrier: Option<String>,
    /// `up`, `late` or `lost`.
    pub(crate) line: String,
    /// Whether it would leave at once.
    pub(crate) connected: bool,
    /// Entries of that lane which go first.
    pub(crate) ahead_entries: u64,
}

/// An entry that is cited beyond its own audience.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Downgraded {
    /// The entry.
    pub(crate) entry: String,
    /// Who may read it.
    pub(crate) audience: String,
    /// Who reads what cites it, and may not read it.
    pub(crate) readers: Vec<PartnerId>,
    /// What they see instead.
    pub(crate) handle: String,
}

/// The loop's plan with the audiences of what it cites.
pub(crate) fn preview<S: StoreRead + ?Sized>(
    store: &S,
    planned: &Planned,
) -> Result<Preview, log::Error> {
    let Planned { charter, kind, preview, cited, alert } = planned;
    let mut downgraded = Vec::new();
    for entry in cited {
        let Some(header) = entry_header(store, entry)? else { continue };
        let origin = entry.log.node.partner();
        let reads = |sight: Sight| sight.is_whole();
        let readers = preview.partners.iter().filter(|partner| reads(partner.sight));
        let readers = readers.map(|partner| partner.partner);
        let blind = readers.filter(|p| !reads(charter.sight(origin, *p, &header.audience)));
        let blind: Vec<PartnerId> = blind.collect();
        if !blind.is_empty() {
            downgraded.push(Downgraded {
                entry: entry.to_string(),
                audience: header.audience.to_string(),
                readers: blind,
                handle: domains::warning::evidence_handle(entry),
            });
        }
    }
    let partners: Vec<PartnerPreview> = preview.partners.iter().map(partner_preview).collect();
    Ok(Preview {
        sentence: preview_sentence(preview, &downgraded),
        kind: kind.clone(),
        audience: preview.audience.to_string(),
        lane: preview.log.lane.as_str().to_owned(),
        bytes: preview.bytes as u64,
        partners,
        downgraded,
        public_alert: *alert,
    })
}

fn partner_preview(partner: &sync::PartnerPreview) -> PartnerPreview {
    let hidden = match partner.sight {
        Sight::Whole => None,
        Sight::LeafHash(hidden) => Some(hidden.as_str().to_owned()),
    };
    let nodes = partner.nodes.iter().map(|node| NodePreview {
        node: node.node,
        carrier: node.carrier.map(|carrier| carrier.as_str().to_owned()),
        line: line_word(node.line).to_owned(),
        connected: node.connected,
        ahead_entries: node.ahead,
    });
    PartnerPreview {
        partner: partner.partner,
        sees: sees(partner.sight).to_owned(),
        hidden,
        nodes: nodes.collect(),
    }
}

fn preview_sentence(preview: &sync::Preview, downgraded: &[Downgraded]) -> String {
    let named = |whole: bool| {
        let chosen = preview.partners.iter().filter(|partner| partner.sight.is_whole() == whole);
        chosen.map(|partner| partner.partner.to_string()).collect::<Vec<_>>()
    };
    let (readers, others) = (named(true), named(false));
    let mut sentence = if readers.is_empty() {
        "no other partner would read it".to_owned()
    } else {
        format!("{} would read it", readers.join(", "))
    };
    if !others.is_empty() {
        sentence += &format!("; {} would see a leaf hash only", others.join(", "));
    }
    let waiting: Vec<String> = preview
        .partners
        .iter()
        .filter(|partner| partner.sight.is_whole())
        .flat_map(|partner| &partner.nodes)
        .filter(|node| !node.connected)
        .map(|node| node.node.to_string())
        .collect();
    if !waiting.is_empty() {
        sentence += &format!("; {} would get it once the line is up", waiting.join(", "));
    }
    if !downgraded.is_empty() {
        let count = downgraded.len();
        sentence += &format!("; {count} cited entries are downgraded to opaque handles");
    }
    sentence
}
