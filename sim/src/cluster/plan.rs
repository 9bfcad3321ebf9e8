//! What a seed has in store: statements to append and faults, each at its time.

use base::{PartnerId, TimeDelta};
use log::{Audience, Charter, Precedence};
use sync::Level;

use super::dice::Dice;
use super::liar::{Flood, Lie, Wrong};
use super::network::{Cut, HostIndex, Trouble};

/// A statement some client appends.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// When, from the start.
    pub(super) at: TimeDelta,
    /// On which host.
    pub(super) host: HostIndex,
    /// To whom.
    pub(super) audience: Audience,
    /// In which lane.
    pub(super) precedence: Precedence,
    /// What; unique.
    pub(super) content: Vec<u8>,
    /// When to acknowledge.
    pub(super) level: Level,
    /// How long to wait.
    pub(super) timeout: TimeDelta,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mishap {
    /// A line is cut in one or both directions, for a while.
    Partition {
        /// One end.
        one: HostIndex,
        /// The other.
        other: HostIndex,
        /// Whether only frames from `one` to `other` are cut.
        one_way: bool,
        /// What happens to frames.
        cut: Cut,
        /// For how long.
        lasts: TimeDelta,
    },
    /// A connection breaks.
    Disconnect {
        /// One end.
        one: HostIndex,
        /// The other.
        other: HostIndex,
    },
    /// A process dies and comes back.
    Crash {
        /// Which host.
        host: HostIndex,
        /// For how long it is down.
        lasts: TimeDelta,
        /// Whether it dies in the middle of its next commit rather than at once.
        writing: bool,
        /// Whether it dies once more in its first commits after that.
        again: bool,
    },
    /// A backup of the store is taken.
    BackUp {
        /// Of which host.
        host: HostIndex,
    },
    /// A process dies, and comes back with the backup.
    RollBack {
        /// Which host.
        host: HostIndex,
        /// For how long it is down.
        lasts: TimeDelta,
    },
    /// One direction of a line repeats, reorders or damages frames, for a while.
    Trouble {
        /// Sender.
        from: HostIndex,
        /// Receiver.
        to: HostIndex,
        /// How badly.
        trouble: Trouble,
        /// For how long.
        lasts: TimeDelta,
    },
    /// Commits fail, persisted or not, for a while.
    DiskFails {
        /// Which host's.
        host: HostIndex,
        /// For how long.
        lasts: TimeDelta,
    },
    /// The disk is slow, for a while.
    DiskCrawls {
        /// Which host's.
        host: HostIndex,
        /// For how long.
        lasts: TimeDelta,
    },
    /// A clock is set.
    ClockStep {
        /// Which host's.
        host: HostIndex,
        /// How far ahead of true time it is from here on.
        offset: TimeDelta,
    },
    /// Somebody without the key sends a batch in a partner's name.
    Forgery {
        /// Who receives it.
        victim: HostIndex,
        /// In whose name.
        name: HostIndex,
    },
    /// The byzantine partner lies, once or for a while.
    Lie {
        /// How.
        lie: Lie,
        /// For how long, where it lasts.
        lasts: TimeDelta,
    },
    /// The byzantine partner's clock is an hour ahead, for a while.
    LieClock {
        /// For how long.
        lasts: TimeDelta,
    },
}

/// One seed's whole plan.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Typical latency of the lines, milliseconds.
    pub(super) latency_ms: u64,
    /// The byzantine partner, if there is one.
    pub(super) liar: Option<HostIndex>,
    /// Statements, in order of time.
    pub(super) statements: Vec<Statement>,
    /// Mishaps, in order of time.
    pub(super) mishaps: Vec<(TimeDelta, Mishap)>,
    /// When the last of it has passed.
    pub(super) ends: TimeDelta,
}

/// How long statements and mishaps go on.
const BUSY_MS: u64 = 40_000;

impl Plan {
    /// The plan of `seed` for `hosts` hosts with at least `entries` statements.
    pub(super) fn draw(
        seed: u64,
        partners: &[PartnerId],
        charter: &Charter,
        entries: usize,
    ) -> Self {
        let mut dice = Dice::new(seed, 1);
        let hosts = partners.len();
        let latency_ms = dice.pick(&[2, 5, 20, 80]);
        // Two audiences a host and seed: each costs a key exchange per lane and start of a process.
        let audiences: Vec<[Audience; 2]> = partners
            .iter()
            .map(|partner| {
                let all: Vec<Audience> = charter.audiences_of(*partner).collect();
                [charter.everyone(), dice.pick(&all)]
            })
            .collect();
        let mut statements: Vec<Statement> = (0..entries)
            .map(|number| {
                let host = dice.index(hosts);
                Statement::draw(number, host, &audiences[host], &mut dice)
            })
            .collect();
        bunch(&mut statements, &mut dice);
        statements.sort_by_key(|statement| statement.at);
        let mut mishaps = Self::draw_mishaps(hosts, &mut dice);
        let liar = (!seed.is_multiple_of(4)).then(|| dice.index(hosts));
        if let Some(liar) = liar {
            mishaps.extend(Self::draw_lies(liar, hosts, &mut dice));
        }
        mishaps.sort_by_key(|(at, _)| *at);
        Self { latency_ms, liar, statements, mishaps, ends: TimeDelta::from_millis(ms(BUSY_MS)) }
    }

    fn draw_mishaps(hosts: usize, dice: &mut Dice) -> Vec<(TimeDelta, Mishap)> {
        let at = |dice: &mut Dice| dice.millis(500..BUSY_MS - 5_000);
        let mut mishaps = vec![
            (at(dice), Mishap::crash(hosts, dice)),
            (at(dice), Mishap::partition(hosts, dice)),
            (at(dice), Mishap::trouble(hosts, dice)),
            (
                at(dice),
                Mishap::DiskFails { host: dice.index(hosts), lasts: dice.millis(500..4_000) },
            ),
        ];
        for _ in 0..dice.between(4..11) {
            let (host, (one, other)) = (dice.index(hosts), pair(hosts, dice));
            let mishap = match dice.index(9) {
                0 | 1 => Mishap::crash(hosts, dice),
                2 => Mishap::partition(hosts, dice),
                3 | 4 => Mishap::Disconnect { one, other },
                5 => Mishap::trouble(hosts, dice),
                6 => Mishap::DiskCrawls { host, lasts: dice.millis(500..4_000) },
                7 => Mishap::ClockStep {
                    host,
                    offset: dice.millis(0..1_600) + TimeDelta::from_millis(-800),
                },
                _ => Mishap::Forgery { victim: one, name: other },
            };
            mishaps.push((at(dice), mishap));
        }
        if dice.chance(300) {
            let host = dice.index(hosts);
            let backup = dice.millis(500..BUSY_MS / 2);
            let lost = dice.millis(500..BUSY_MS / 3);
            mishaps.push((backup, Mishap::BackUp { host }));
            let lasts = dice.millis(200..4_000);
            mishaps.push((backup + lost, Mishap::RollBack { host, lasts }));
        }
        mishaps
    }

    /// What the byzantine partner does.
    fn draw_lies(liar: HostIndex, hosts: usize, dice: &mut Dice) -> Vec<(TimeDelta, Mishap)> {
        let mut lies = Vec::new();
        let at = |dice: &mut Dice| dice.millis(500..BUSY_MS - 5_000);
        if dice.chance(400) {
            let victim = (liar + 1 + dice.index(hosts - 1)) % hosts;
            let (lane, readable) = (dice.pick(&Precedence::ALL), dice.chance(800));
            let lie = Lie::Fork { victim, lane, readable };
            lies.push((at(dice), Mishap::Lie { lie, lasts: TimeDelta::ZERO }));
        }
        if dice.chance(200) {
            lies.push((at(dice), Mishap::LieClock { lasts: dice.millis(500..5_000) }));
        }
        for _ in 0..dice.between(3..8) {
            let victim = (liar + 1 + dice.index(hosts - 1)) % hosts;
            let name = (0..hosts).find(|name| *name != liar && *name != victim);
            let name = name.expect("three hosts");
            let lane = dice.pick(&Precedence::ALL);
            let lie = match dice.index(10) {
                0 | 8 => {
                    // Half of them have nothing wrong but their root.
                    let wrongs = [Wrong::Audience, Wrong::Gap, Wrong::Backwards];
                    let wrong = if dice.chance(500) { Wrong::Byte } else { dice.pick(&wrongs) };
                    Lie::BadBatch { victim, lane, wrong }
                }
                1 => Lie::InOthersName { victim, name, lane },
                2 | 3 => Lie::Replay,
                4 => Lie::HideEntries { victim, lane },
                5 => Lie::HideLane { victim, lane },
                6 => {
                    let floods =
                        [Flood::Garbage, Flood::Wants, Flood::Hellos, Flood::Pings, Flood::Batches];
                    Lie::Flood { victim, with: dice.pick(&floods) }
                }
                7 => Lie::Overstate { victim },
                _ if dice.chance(500) => Lie::FalseHello { victim },
                _ => Lie::FalseProof { victim, accused: name },
            };
            lies.push((at(dice), Mishap::Lie { lie, lasts: dice.millis(1_000..8_000) }));
        }
        lies
    }
}

fn ms(millis: u64) -> i64 {
    i64::try_from(millis).expect("short times")
}

/// Brings some statements together, so that batches of many are made.
fn bunch(statements: &mut [Statement], dice: &mut Dice) {
    for _ in 0..statements.len() / 40 {
        let (at, host) = {
            let leader = &statements[dice.index(statements.len())];
            (leader.at, leader.host)
        };
        for _ in 0..8 {
            let statement = &mut statements[dice.index(statements.len())];
            if statement.host == host {
                statement.at = at;
            }
        }
    }
}

impl Statement {
    fn draw(number: usize, host: HostIndex, audiences: &[Audience], dice: &mut Dice) -> Self {
        let length = if dice.chance(20) { dice.index(20_000) } else { dice.index(300) };
        let mut content = format!("statement {number} ").into_bytes();
        content.resize(content.len() + length, b'.');
        let audience = dice.pick(audiences);
        let others = u64::try_from(audience.members().len() - 1).expect("few partners");
        let level = match dice.index(10) {
            0..5 => Level::Local,
            5..8 if others > 0 => {
                Level::Partners(u8::try_from(dice.between(1..others + 1)).expect("few partners"))
            }
            _ => Level::All,
        };
        Self {
            at: dice.millis(200..BUSY_MS - 3_000),
            host,
            audience,
            precedence: dice.pick(&Precedence::ALL),
            content,
            level,
            timeout: dice.millis(2_000..20_000),
        }
    }
}

fn pair(hosts: usize, dice: &mut Dice) -> (HostIndex, HostIndex) {
    let one = dice.index(hosts);
    let other = (one + 1 + dice.index(hosts - 1)) % hosts;
    (one, other)
}

impl Mishap {
    fn crash(hosts: usize, dice: &mut Dice) -> Self {
        let writing = dice.chance(700);
        let again = dice.chance(400);
        Self::Crash { host: dice.index(hosts), lasts: dice.millis(100..6_000), writing, again }
    }

    fn partition(hosts: usize, dice: &mut Dice) -> Self {
        let (one, other) = pair(hosts, dice);
        let cut = if dice.chance(700) { Cut::Stalls } else { Cut::Swallows };
        let lasts =
            if dice.chance(300) { dice.millis(15_000..25_000) } else { dice.millis(200..9_000) };
        Self::Partition { one, other, one_way: dice.chance(400), cut, lasts }
    }

    fn trouble(hosts: usize, dice: &mut Dice) -> Self {
        let (from, to) = pair(hosts, dice);
        let mut often = || if dice.chance(600) { dice.between(20..300) } else { 0 };
        let trouble = Trouble { repeated: often(), reordered: often(), damaged: often() / 6 };
        Self::Trouble { from, to, trouble, lasts: dice.millis(1_000..10_000) }
    }
}
