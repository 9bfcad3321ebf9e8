//! The plug point: everything that is per domain is generated from the list of words in `lib.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base::Timestamp;
use serde::Serialize;

use crate::{Domain, Finding, Severity, Signals};

/// What the registry knows of one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The word.
    pub name: &'static str,
    /// What people call it, in English.
    pub title: &'static str,
    /// The edition of its fold.
    pub fold_edition: u32,
}

impl Capabilities {
    /// Of domain `D`.
    pub const fn of<D: Domain>() -> Self {
        Self { name: D::NAME, title: D::TITLE, fold_edition: D::FOLD_EDITION }
    }
}

/// One domain's state, or the word that it is quarantined after a panic.
#[derive(Serialize)]
#[serde(bound = "")]
pub struct Slot<D: Domain> {
    state: D::State,
    quarantined: bool,
}

impl<D: Domain> Clone for Slot<D> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), quarantined: self.quarantined }
    }
}

impl<D: Domain> Default for Slot<D> {
    fn default() -> Self {
        Self { state: D::State::default(), quarantined: false }
    }
}

impl<D: Domain> Slot<D> {
    /// The folded state, unless the domain is quarantined.
    pub const fn state(&self) -> Option<&D::State> {
        if self.quarantined { None } else { Some(&self.state) }
    }

    /// Runs `change` on the state; a panic quarantines the domain and becomes a finding.
    pub(crate) fn run(
        &mut self,
        at: Timestamp,
        signals: &mut Signals,
        change: impl FnOnce(&mut D::State, &mut Signals),
    ) {
        if self.quarantined {
            return;
        }
        let state = &mut self.state;
        let outcome = catch_unwind(AssertUnwindSafe(|| change(state, signals)));
        if outcome.is_err() {
            // The half-changed state is dropped, so that the digest does not depend on how far it got.
            *self = Self { state: D::State::default(), quarantined: true };
            signals.find(Finding {
                at,
                severity: Severity::Error,
                source: D::NAME.to_owned(),
                message: "the fold panicked; this domain is quarantined, the log goes on"
                    .to_owned(),
                hint: Some(
                    "report the panic printed by the node and replay with a mended edition"
                        .to_owned(),
                ),
            });
        }
    }
}

macro_rules! registry {
    ($($word:ident)*) => {
        $(pub mod $word;)*

        /// Every domain's folded state, with what went wrong on the way.
        #[derive(Clone, Default, serde::Serialize)]
        pub struct Pictures {
            findings: $crate::Findings,
            $(
                #[doc = concat!("The picture of domain `", stringify!($word), "`.")]
                pub $word: $crate::Slot<$word::Capability>,
            )*
        }

        /// A decoded statement of any domain.
        #[derive(Clone)]
        #[expect(non_camel_case_types, reason = "the variant is the registry's word")]
        pub(crate) enum Event {
            $($word(<$word::Capability as $crate::Domain>::Event),)*
        }

        /// Decodes a statement's content: `None` if no domain has its kind.
        pub(crate) fn decode(
            kind: &str,
            edition: u16,
            content: &[u8],
        ) -> Option<Result<(Event, Option<base::Timestamp>), $crate::DecodeError>> {
            let word = kind.split('.').next().unwrap_or(kind);
            $(
                if word == stringify!($word) {
                    type Word = $word::Capability;
                    return Some(<Word as $crate::Domain>::decode(kind, edition, content)
                        .map(|event| {
                            let measured = <Word as $crate::Domain>::measured_at(&event);
                            (Event::$word(event), measured)
                        }));
                }
            )*
            None
        }

        /// The registered domains, in the order in which signals flow.
        pub fn domains() -> Vec<$crate::Capabilities> {
            vec![$($crate::Capabilities::of::<$word::Capability>()),*]
        }

        /// Every kind of statement that is folded: those the registered domains read, and corrections.
        pub fn kinds() -> Vec<$crate::KindInfo> {
            Vec::<Vec<$crate::KindInfo>>::from([
                $(<$word::Capability as $crate::Domain>::kinds(),)*
                $crate::correction::kinds(),
            ])
            .concat()
        }

        /// Every collection the registered domains show.
        pub fn collections() -> Vec<$crate::Collection> {
            Vec::<Vec<$crate::Collection>>::from([$(<$word::Capability as $crate::Domain>::collections()),*]).concat()
        }

        impl Pictures {
            /// What went wrong while folding.
            pub const fn findings(&self) -> &$crate::Findings {
                &self.findings
            }

            pub(crate) fn record(&mut self, finding: $crate::Finding) {
                self.findings.record(finding);
            }

            /// Lets time pass up to `to` in every domain.
            pub(crate) fn advance(&mut self, to: base::Timestamp) {
                let mut signals = $crate::Signals::default();
                $(
                    self.$word.run(to, &mut signals, |state, signals| {
                        <$word::Capability as $crate::Domain>::advance(state, to, signals);
                        <$word::Capability as $crate::Domain>::sense(state, to, signals);
                    });
                )*
                signals.take_findings().into_iter().for_each(|finding| self.findings.record(finding));
            }

            /// Applies one statement, then lets later domains hear the signals.
            pub(crate) fn fold(&mut self, fact: &log::Fact, event: &Event, at: base::Timestamp) {
                let mut signals = $crate::Signals::default();
                $(
                    self.$word.run(at, &mut signals, |state, signals| {
                        if let Event::$word(event) = event {
                            let statement = $crate::Statement { fact, event, at };
                            <$word::Capability as $crate::Domain>::fold(state, &statement, signals);
                        }
                        <$word::Capability as $crate::Domain>::sense(state, at, signals);
                    });
                )*
                signals.take_findings().into_iter().for_each(|finding| self.findings.record(finding));
            }

            /// What every domain shows at `now`.
            pub fn items(&self, now: base::Timestamp) -> $crate::Items {
                let mut items = $crate::Items::default();
                $(
                    if let Some(state) = self.$word.state() {
                        <$word::Capability as $crate::Domain>::items(state, now, &mut items);
                    }
                )*
                items
            }

            /// What node `me` should append by itself, seen in the view of `audience`.
            pub fn desires(
                &self,
                me: base::NodeId,
                audience: &log::Audience,
                now: base::Timestamp,
            ) -> Vec<$crate::Desire> {
                let mut desires = Vec::new();
                $(
                    if let Some(state) = self.$word.state() {
                        desires.extend(<$word::Capability as $crate::Domain>::desires(
                            state, me, audience, now,
                        ));
                    }
                )*
                desires
            }
        }
    };
}

pub(crate) use registry;
