//! Flights as they were announced: facts, each with who announced them.
//!
//! Landing points were not announced; the bearing is that of the CNS/NTI North Korea Missile Test
//! Database or, for the overflight, of the line from the launch site over the announced path.

use base::{Degrees, Geodetic, Metres, Seconds};

use super::plan::FlightPlan;
use super::vehicle::{
    LIQUID_SINGLE_STAGE, LIQUID_TWO_STAGE, LIQUID_TWO_STAGE_HEAVY, SOLID_SHORT_RANGE,
    SOLID_THREE_STAGE, Vehicle,
};

/// One announced flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PublishedFlight {
    /// Short name, unique here.
    pub name: &'static str,
    /// Launch time to the announced minute, RFC 3339.
    pub launched: &'static str,
    /// Launch site.
    pub lat_deg: f64,
    /// Launch site.
    pub lon_deg: f64,
    /// First bearing of the ground line, degrees.
    pub bearing_deg: f64,
    /// Announced apogee, km.
    pub apogee_km: f64,
    /// Announced range, km.
    pub range_km: f64,
    /// Announced flight time, seconds; only where it was given to the second.
    pub flight_s: Option<f64>,
    /// Class whose boost is bent to fit.
    pub vehicle: Vehicle,
    /// Who announced the figures.
    pub source: &'static str,
}

impl PublishedFlight {
    /// The flight as a plan.
    pub fn plan(&self) -> FlightPlan {
        FlightPlan {
            site: Geodetic::new(Degrees(self.lat_deg), Degrees(self.lon_deg), Metres(0.0))
                .expect("the sites of this module are on the Earth"),
            vehicle: self.vehicle,
            bearing: Degrees(self.bearing_deg),
            apogee_km: self.apogee_km,
            range_km: self.range_km,
            flight_time: self.flight_s.map(Seconds),
        }
    }
}

/// 2017-07-28, lofted, down in the sea some 150 km from Hokkaido.
pub const HWASONG_14: PublishedFlight = PublishedFlight {
    name: "hwasong14-2017-07-28",
    launched: "2017-07-28T14:42:00Z",
    lat_deg: 40.611208,
    lon_deg: 126.425743,
    bearing_deg: 70.0,
    apogee_km: 3_724.9,
    range_km: 998.0,
    flight_s: Some(2_832.0),
    vehicle: LIQUID_TWO_STAGE,
    source: "KCNA 2017-07-29: 3,724.9 km, 998 km, 47 min 12 s",
};

/// 2017-09-15 local time, over Hokkaido into the Pacific.
pub const HWASONG_12: PublishedFlight = PublishedFlight {
    name: "hwasong12-2017-09-15",
    launched: "2017-09-14T21:57:00Z",
    lat_deg: 39.200159,
    lon_deg: 125.673256,
    bearing_deg: 73.0,
    apogee_km: 770.0,
    range_km: 3_700.0,
    flight_s: None,
    vehicle: LIQUID_SINGLE_STAGE,
    source: "Joint Chiefs of Staff of the Republic of Korea 2017-09-15: 770 km, 3,700 km",
};

/// 2022-10-06 local time, short range into the sea east of Korea.
pub const KN_25: PublishedFlight = PublishedFlight {
    name: "kn25-2022-10-05",
    launched: "2022-10-05T21:00:00Z",
    lat_deg: 39.1268,
    lon_deg: 125.9579,
    bearing_deg: 58.0,
    apogee_km: 100.0,
    range_km: 350.0,
    flight_s: None,
    vehicle: SOLID_SHORT_RANGE,
    source: "Ministry of Defense of Japan 2022-10-06: 100 km, 350 km",
};

/// Every flight of this module, those with a time to the second first.
pub const ALL: [PublishedFlight; 6] = [
    HWASONG_14,
    PublishedFlight {
        name: "hwasong17-2022-11-18",
        launched: "2022-11-18T01:14:00Z",
        lat_deg: 39.200159,
        lon_deg: 125.673256,
        bearing_deg: 70.0,
        apogee_km: 6_040.9,
        range_km: 999.2,
        flight_s: Some(4_135.0),
        vehicle: LIQUID_TWO_STAGE_HEAVY,
        source: "KCNA 2022-11-19: 6,040.9 km, 999.2 km, 4,135 s",
    },
    PublishedFlight {
        name: "hwasong15-2023-02-18",
        launched: "2023-02-18T08:21:00Z",
        lat_deg: 39.200159,
        lon_deg: 125.673256,
        bearing_deg: 72.0,
        apogee_km: 5_768.5,
        range_km: 989.0,
        flight_s: Some(4_015.0),
        vehicle: LIQUID_TWO_STAGE_HEAVY,
        source: "KCNA 2023-02-19: 5,768.5 km, 989 km, 4,015 s",
    },
    PublishedFlight {
        name: "hwasong18-2023-07-12",
        launched: "2023-07-12T00:59:00Z",
        lat_deg: 39.112,
        lon_deg: 125.998,
        bearing_deg: 62.0,
        apogee_km: 6_648.4,
        range_km: 1_001.2,
        flight_s: Some(4_491.0),
        vehicle: SOLID_THREE_STAGE,
        source: "KCNA 2023-07-13: 6,648.4 km, 1,001.2 km, 4,491 s",
    },
    HWASONG_12,
    KN_25,
];
