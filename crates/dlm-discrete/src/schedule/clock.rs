//! The schedules of a sequence's positions.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{ParameterError, Schedule};

/// The schedule of every position: one clock for all, or one each.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Clock {
    /// All positions keep the same time.
    Shared(Schedule),
    /// Position `i` of the sequence follows the `i`-th schedule, the last one beyond.
    PerPosition(Vec<Schedule>),
}

/// One schedule or a list of them, told apart by their shape, so that an error still names
/// the field that is wrong.
impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Clock;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a schedule, or a list with one for each position")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Clock, A::Error> {
                Schedule::deserialize(MapAccessDeserializer::new(map)).map(Clock::Shared)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Clock, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Clock::PerPosition)
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

impl Clock {
    /// The schedule that a position follows; linear in a clock that holds none.
    pub fn schedule(&self, position: usize) -> Schedule {
        match self {
            Self::Shared(schedule) => *schedule,
            Self::PerPosition(schedules) => {
                schedules.get(position).or(schedules.last()).copied().unwrap_or(Schedule::Linear)
            }
        }
    }

    /// `α` of a position at time `t`.
    pub fn alpha(&self, position: usize, t: f64) -> f64 {
        self.schedule(position).alpha(t)
    }

    /// `P(clean at s | noise at t) = (α(s) − α(t))/(1 − α(t))` of a position, `s < t`;
    /// 1 where nothing can be noise at `t`.
    pub fn reveal_probability(&self, position: usize, s: f64, t: f64) -> f64 {
        let (alpha_s, alpha_t) = (self.alpha(position, s), self.alpha(position, t));
        match alpha_t < 1.0 {
            true => (alpha_s - alpha_t) / (1.0 - alpha_t),
            false => 1.0,
        }
    }

    /// `P(clean at t | clean at s) = α(t)/α(s)` of a position, `s < t`; 1 where nothing
    /// can be clean at `s`.
    pub fn survival(&self, position: usize, s: f64, t: f64) -> f64 {
        let (alpha_s, alpha_t) = (self.alpha(position, s), self.alpha(position, t));
        if 0.0 < alpha_s { alpha_t / alpha_s } else { 1.0 }
    }

    /// Whether the parameters give a clock.
    ///
    /// # Errors
    ///
    /// Those of [`Schedule::validate`], and [`ParameterError::NoSchedule`] for an empty list.
    pub fn validate(&self) -> Result<(), ParameterError> {
        match self {
            Self::Shared(schedule) => schedule.validate(),
            Self::PerPosition(schedules) if schedules.is_empty() => Err(ParameterError::NoSchedule),
            Self::PerPosition(schedules) => schedules.iter().try_for_each(Schedule::validate),
        }
    }
}
