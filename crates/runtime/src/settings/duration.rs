//! Durations as whole numbers whose unit stands in the name of the key.

/// For keys that end in `_ms`.
pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u32::deserialize(from).map(|n| Duration::from_millis(n.into()))
    }

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        // It was read from 32 bits.
        to.serialize_u64(value.as_secs() * 1000 + u64::from(value.subsec_millis()))
    }
}

/// For keys that end in `_s`.
pub(super) mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u32::deserialize(from).map(|n| Duration::from_secs(n.into()))
    }

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs())
    }
}

/// For keys that end in `_h`.
pub(super) mod hours {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// The seconds of an hour.
    const HOUR: u64 = 3_600;

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u32::deserialize(from).map(|n| Duration::from_secs(u64::from(n) * HOUR))
    }

    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(value.as_secs() / HOUR)
    }
}
