//! The Common Alerting Protocol: public warnings out, in version 1.2, and read back in 1.1 and 1.2.
//!
//! Start here: fill a [`Message`], make an [`Alert`] of it, take [`Alert::to_xml`]. [`read`] gives the
//! message of a document, whoever wrote it.
//!
//! A [`Message`] holds whatever the standard lets one say. An [`Alert`] is a message that also keeps
//! the rules of warning systems (the IPAWS profile and the standard's own prose) and is therefore the
//! only thing that can be written. Source: OASIS CAP 1.2 (2010-07-01), section 3.2, and the CAP 1.2
//! IPAWS USA profile 1.0.
//!
//! The crate `oasiscap` reads and writes the same documents; it was not chosen because it brings a
//! second XML parser and a second calendar, and knows the standard but no profile.

mod alert;
mod document;
mod read;
mod values;
mod write;

pub use alert::{Alert, Rule};
pub use read::{Version, read};
pub use values::{Circle, Language, Moment, Polygon, Reference, ValuePair};

/// Bytes of one document.
pub const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Points of one polygon in an [`Alert`]; more than this phones refuse.
pub const POLYGON_POINTS_MAX: usize = 100;
/// `valueName` of a geocode that is an ISO 3166-2 code, such as `JP-01`.
pub const GEOCODE_ISO_3166_2: &str = "ISO 3166-2";
/// `valueName` of an event code of the Specific Area Message Encoding, such as `CDW`.
pub const EVENT_CODE_SAME: &str = "SAME";
/// `code` of an alert that follows the IPAWS profile.
pub const CODE_IPAWS: &str = "IPAWSv1.0";

/// One alert message, as far as the standard goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Unique among the sender's messages.
    pub identifier: String,
    /// Who sends it, unique in the world.
    pub sender: String,
    /// When it is sent.
    pub sent: Moment,
    /// Whether it is meant.
    pub status: Status,
    /// What it does to earlier ones.
    pub kind: MessageType,
    /// The particular source.
    pub source: Option<String>,
    /// Who may read it.
    pub scope: Scope,
    /// Who else may not, for a restricted one.
    pub restriction: Option<String>,
    /// To whom, for a private one.
    pub addresses: Option<String>,
    /// Profiles and other special handling.
    pub codes: Vec<String>,
    /// Purpose; names the exercise in an exercise.
    pub note: Option<String>,
    /// The earlier messages it acts on.
    pub references: Vec<Reference>,
    /// The incident it belongs to.
    pub incidents: Option<String>,
    /// What it says, once a language.
    pub infos: Vec<Info>,
}

impl Message {
    /// A message without anything optional.
    pub fn new(
        identifier: impl Into<String>,
        sender: impl Into<String>,
        sent: Moment,
        status: Status,
        kind: MessageType,
        scope: Scope,
    ) -> Self {
        Self {
            identifier: identifier.into(),
            sender: sender.into(),
            sent,
            status,
            kind,
            source: None,
            scope,
            restriction: None,
            addresses: None,
            codes: Vec::new(),
            note: None,
            references: Vec::new(),
            incidents: None,
            infos: Vec::new(),
        }
    }

    /// How a later message refers to this one.
    pub fn reference(&self) -> Reference {
        Reference {
            sender: self.sender.clone(),
            identifier: self.identifier.clone(),
            sent: self.sent,
        }
    }
}

/// What a message says, in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// Of all text in this block.
    pub language: Language,
    /// Kinds of event.
    pub categories: Vec<Category>,
    /// The event, in words.
    pub event: String,
    /// What people should do.
    pub responses: Vec<ResponseType>,
    /// How soon.
    pub urgency: Urgency,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// For whom it is meant.
    pub audience: Option<String>,
    /// The event, in codes.
    pub event_codes: Vec<ValuePair>,
    /// From when the message holds.
    pub effective: Option<Moment>,
    /// When the event is expected.
    pub onset: Option<Moment>,
    /// Until when the message holds.
    pub expires: Option<Moment>,
    /// Who warns, for people to read.
    pub sender_name: Option<String>,
    /// In one line.
    pub headline: Option<String>,
    /// What happens.
    pub description: Option<String>,
    /// What to do.
    pub instruction: Option<String>,
    /// More, on the web.
    pub web: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Values that a system adds.
    pub parameters: Vec<ValuePair>,
    /// Files that go with it.
    pub resources: Vec<Resource>,
    /// Where.
    pub areas: Vec<Area>,
}

impl Info {
    /// A block without anything optional; `urgency`, `severity` and `certainty` as the standard means
    /// them.
    pub fn new(
        language: Language,
        category: Category,
        event: impl Into<String>,
        urgency: Urgency,
        severity: Severity,
        certainty: Certainty,
    ) -> Self {
        Self {
            language,
            categories: vec![category],
            event: event.into(),
            responses: Vec::new(),
            urgency,
            severity,
            certainty,
            audience: None,
            event_codes: Vec::new(),
            effective: None,
            onset: None,
            expires: None,
            sender_name: None,
            headline: None,
            description: None,
            instruction: None,
            web: None,
            contact: None,
            parameters: Vec::new(),
            resources: Vec::new(),
            areas: Vec::new(),
        }
    }
}

/// A file that goes with a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// What it is.
    pub description: String,
    /// Its media type; version 1.1 may leave it out.
    pub mime_type: Option<String>,
    /// Bytes, roughly.
    pub size: Option<u64>,
    /// Where it is.
    pub uri: Option<String>,
    /// Its content in base 64.
    pub content: Option<String>,
    /// SHA-1 of it, as the standard has it.
    pub digest: Option<String>,
}

/// Where a message holds: everything inside any of its shapes or codes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Area {
    /// In words.
    pub description: String,
    /// Outlines.
    pub polygons: Vec<Polygon>,
    /// Discs.
    pub circles: Vec<Circle>,
    /// Codes of districts; see [`GEOCODE_ISO_3166_2`].
    pub geocodes: Vec<ValuePair>,
    /// Lowest height above mean sea level, feet.
    pub altitude_ft: Option<f64>,
    /// Highest height above mean sea level, feet; only beside a lowest one.
    pub ceiling_ft: Option<f64>,
}

impl Area {
    /// An area of one district by its ISO 3166-2 code, in the words of the block's language.
    pub fn district(description: impl Into<String>, iso_3166_2: impl Into<String>) -> Self {
        Self {
            description: description.into(),
            geocodes: vec![ValuePair::new(GEOCODE_ISO_3166_2, iso_3166_2)],
            ..Self::default()
        }
    }
}

/// An enumeration whose words stand in documents as they stand here.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// Every word, in the standard's order.
            pub const ALL: &'static [Self] = &[$(Self::$word,)*];

            /// The word as it stands in documents.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => stringify!($word),)* }
            }
        }

        impl values::Word for $name {
            const EXPECTED: &'static str =
                concat!("one of", $(" `", stringify!($word), "`",)*);

            fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|candidate| candidate.as_str() == word)
            }
        }
    };
}

words!(
    /// Whether a message is meant.
    Status {
        /// For everyone it reaches.
        Actual,
        /// For those who take part in an exercise.
        Exercise,
        /// For the alerting systems themselves.
        System,
        /// A technical test; everyone disregards it.
        Test,
        /// A template; nobody acts on it.
        Draft,
    }
);
words!(
    /// What a message does to earlier ones.
    MessageType {
        /// Begins something.
        Alert,
        /// Replaces them.
        Update,
        /// Ends them.
        Cancel,
        /// Says they arrived.
        Ack,
        /// Says they were refused.
        Error,
    }
);
words!(
    /// Who may read a message.
    Scope {
        /// Everybody.
        Public,
        /// Those who meet the restriction.
        Restricted,
        /// Those addressed.
        Private,
    }
);
words!(
    /// Kinds of event.
    Category {
        /// Earth.
        Geo,
        /// Weather.
        Met,
        /// Safety in general.
        Safety,
        /// Police, military, security.
        Security,
        /// Rescue.
        Rescue,
        /// Fire.
        Fire,
        /// Health.
        Health,
        /// Environment.
        Env,
        /// Transport.
        Transport,
        /// Utilities.
        Infra,
        /// Chemical, biological, radiological, nuclear, explosive.
        CBRNE,
        /// Something else.
        Other,
    }
);
words!(
    /// What people should do.
    ResponseType {
        /// Take shelter.
        Shelter,
        /// Leave.
        Evacuate,
        /// Get ready.
        Prepare,
        /// Do what was planned.
        Execute,
        /// Keep away.
        Avoid,
        /// Watch the news.
        Monitor,
        /// Judge for themselves.
        Assess,
        /// Nothing more: it is over.
        AllClear,
        /// Nothing.
        None,
    }
);
words!(
    /// How soon to act.
    Urgency {
        /// At once.
        Immediate,
        /// Within the hour.
        Expected,
        /// Later.
        Future,
        /// No longer.
        Past,
        /// Not known.
        Unknown,
    }
);
words!(
    /// How bad it is for life and property.
    Severity {
        /// Extraordinary.
        Extreme,
        /// Significant.
        Severe,
        /// Possible.
        Moderate,
        /// Little or none.
        Minor,
        /// Not known.
        Unknown,
    }
);
words!(
    /// How sure it is.
    Certainty {
        /// It happened or goes on.
        Observed,
        /// More likely than not.
        Likely,
        /// Possible, not likely.
        Possible,
        /// Not expected.
        Unlikely,
        /// Not known.
        Unknown,
    }
);
