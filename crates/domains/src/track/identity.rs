//! Who an aircraft says it is, and whether two sayings can be one aircraft.

use serde::Serialize;

use super::events::AsterixReport;

/// What transponders and radars say of an aircraft.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Identity {
    /// Mode 3/A code.
    pub(super) mode_3a: Option<u16>,
    /// Aircraft address.
    pub(super) aircraft_address: Option<u32>,
    /// Aircraft identification.
    pub(super) callsign: Option<String>,
    /// The radar (SAC, SIC) and its own track number.
    pub(super) track_number: Option<(u8, u8, u16)>,
    /// Whether a flight level was told, which only a transponder can.
    pub(super) flight_level: bool,
}

/// How the association cost changes when two identities meet; `None` if they cannot be one.
const SAME_ADDRESS: f64 = -20.0;
const SAME_TRACK_NUMBER: f64 = -10.0;
const OTHER_TRACK_NUMBER: f64 = 4.0;
const SAME_CODE: f64 = -4.0;
const OTHER_CODE: f64 = 8.0;

impl Identity {
    pub(super) fn of_asterix(report: &AsterixReport) -> Self {
        Self {
            mode_3a: report.mode_3a,
            aircraft_address: report.aircraft_address,
            callsign: report.callsign.as_deref().map(str::trim).map(str::to_owned),
            track_number: report.track_number.map(|number| (report.sac, report.sic, number)),
            flight_level: report.flight_level_m.is_some(),
        }
    }

    /// Whether anything was said at all.
    pub(super) const fn is_cooperative(&self) -> bool {
        self.mode_3a.is_some()
            || self.aircraft_address.is_some()
            || self.callsign.is_some()
            || self.flight_level
    }

    /// What `other` adds to the cost of being the same aircraft; `None` forbids it.
    pub(super) fn affinity(&self, other: &Self) -> Option<f64> {
        let address = match (self.aircraft_address, other.aircraft_address) {
            (Some(a), Some(b)) if a == b => SAME_ADDRESS,
            (Some(_), Some(_)) => return None,
            _ => 0.0,
        };
        let number = match (self.track_number, other.track_number) {
            (Some(a), Some(b)) if a == b => SAME_TRACK_NUMBER,
            (Some(a), Some(b)) if (a.0, a.1) == (b.0, b.1) => OTHER_TRACK_NUMBER,
            _ => 0.0,
        };
        let code = match (self.mode_3a, other.mode_3a) {
            (Some(a), Some(b)) if a == b => SAME_CODE,
            (Some(_), Some(_)) => OTHER_CODE,
            _ => 0.0,
        };
        Some(address + number + code)
    }

    /// Takes over what `newer` says.
    pub(super) fn learn(&mut self, newer: &Self) {
        self.mode_3a = newer.mode_3a.or(self.mode_3a);
        self.aircraft_address = newer.aircraft_address.or(self.aircraft_address);
        if let Some(callsign) = newer.callsign.as_ref().filter(|sign| !sign.is_empty()) {
            self.callsign = Some(callsign.clone());
        }
        self.track_number = newer.track_number.or(self.track_number);
        self.flight_level |= newer.flight_level;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_decide_and_codes_lean() {
        let a = Identity { aircraft_address: Some(1), ..Identity::default() };
        let b = Identity { aircraft_address: Some(2), ..Identity::default() };
        let code = |code| Identity { mode_3a: Some(code), ..Identity::default() };
        assert_eq!(a.affinity(&b), None);
        assert_eq!(a.affinity(&a), Some(SAME_ADDRESS));
        assert_eq!(code(0o2000).affinity(&code(0o7700)), Some(OTHER_CODE));
        assert_eq!(Identity::default().affinity(&a), Some(0.0));
        assert!(!Identity::default().is_cooperative());
        let mut learning = code(0o2000);
        learning.learn(&a);
        assert_eq!((learning.mode_3a, learning.aircraft_address), (Some(0o2000), Some(1)));
    }
}
