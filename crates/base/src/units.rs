//! Physical quantities as types: the unit is in the name, the number inside is plain `f64`.

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, PartialOrd, Debug, Default, Serialize, Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub f64);
    };
}

unit!(
    /// A length or height.
    Metres
);
unit!(
    /// An angle in degrees, as people and files write it.
    Degrees
);
unit!(
    /// An angle in radians, as formulas want it.
    Radians
);
unit!(
    /// A speed.
    MetresPerSecond
);
unit!(
    /// A length of time where fractions matter more than exactness; see `TimeDelta` for the exact one.
    Seconds
);

impl From<Degrees> for Radians {
    fn from(angle: Degrees) -> Self {
        Self(angle.0 * (std::f64::consts::PI / 180.0))
    }
}

impl From<Radians> for Degrees {
    fn from(angle: Radians) -> Self {
        Self(angle.0 * (180.0 / std::f64::consts::PI))
    }
}
