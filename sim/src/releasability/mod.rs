//! Releasability, by trial: random membership histories, and who can open what.
//!
//! One case is one entry and one partner in one history of joining, leaving, withholding, new nodes,
//! new sealing keys, restarts and waiting. The partner is given far more than a line gives it: every
//! byte of every batch, as a relay or a wire tap would have it, and every key it ever had. It must open
//! the entry exactly if, when the entry was sealed, the partner was a member of its audience, a member
//! of the charter the origin had received, not withheld from, and had a node on its roster.
//!
//! What should be readable is kept by `model::State` in plain sets, which share no code with the
//! charter or the sealing. Besides:
//!
//! - **Projection**: what the origin would send a member carries whole exactly the entries released to
//!   it, and verifies against the same signed roots at the receiver.
//! - **Impostor**: a partner tries its own keys on the wraps made for another node.
//! - **Thief**: after a node destroys old sealing keys, its key file opens nothing recorded before.

mod history;
mod keys;
mod model;

use std::collections::BTreeMap;

use serde::Serialize;

/// Faults shown; all are counted.
const FAULTS_SHOWN_MAX: usize = 20;

/// What was tried and what came out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Pairs of entry and partner tried with everything recorded and every key.
    pub cases: u64,
    /// Those that were released and opened.
    pub readable: u64,
    /// Those that were not released and stayed closed.
    pub hidden: u64,
    /// Pairs of entry and node tried with what was left after sealing keys were destroyed.
    pub thief_cases: u64,
    /// Wraps tried with another partner's keys.
    pub impostor_cases: u64,
    /// Entries compared with what a member is sent.
    pub projected_cases: u64,
    /// Histories played.
    pub histories: u64,
    /// Steps of each kind.
    pub steps: BTreeMap<&'static str, u64>,
    /// The first faults.
    pub faults: Vec<String>,
    /// How many there were.
    pub faults_total: u64,
}

impl Outcome {
    fn fault(&mut self, seed: u64, what: &str) {
        self.faults_total += 1;
        if self.faults.len() < FAULTS_SHOWN_MAX {
            self.faults.push(format!("history {seed}: {what}"));
        }
    }

    fn step(&mut self, name: &'static str) {
        *self.steps.entry(name).or_default() += 1;
    }

    /// Adds what another run found.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.readable += other.readable;
        self.hidden += other.hidden;
        self.thief_cases += other.thief_cases;
        self.impostor_cases += other.impostor_cases;
        self.projected_cases += other.projected_cases;
        self.histories += other.histories;
        for (name, count) in other.steps {
            *self.steps.entry(name).or_default() += count;
        }
        self.faults_total += other.faults_total;
        let room = FAULTS_SHOWN_MAX.saturating_sub(self.faults.len());
        self.faults.extend(other.faults.into_iter().take(room));
    }
}

/// Plays histories from `seed` on, counting up, until `cases` were tried.
pub fn run(cases: u64, seed: u64) -> Outcome {
    let mut outcome = Outcome::default();
    let mut next = seed;
    while outcome.cases < cases {
        history::play(next, &mut outcome);
        next += 1;
    }
    outcome
}
