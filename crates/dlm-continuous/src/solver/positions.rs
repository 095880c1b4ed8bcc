//! What depends on several levels, position by position.

use dlm_core::{Levels, NoiseLevel};

use crate::schedule::{NoiseSchedule, ScheduleError};

/// Levels that depend on both ends of a step.
pub(super) fn levels<E>(
    from: &Levels,
    to: &Levels,
    level: impl Fn(NoiseLevel, NoiseLevel) -> Result<NoiseLevel, E>,
) -> Result<Levels, E> {
    if let (Levels::Shared(from), Levels::Shared(to)) = (from, to) {
        return Ok(Levels::Shared(level(*from, *to)?));
    }
    let each = (0..Levels::entries(&[from, to])).map(|i| level(from.at(i), to.at(i)));
    Ok(Levels::PerPosition(each.collect::<Result<_, _>>()?))
}

/// Whether any position has a step that more than its first evaluation can improve on.
pub(super) fn any_curved(from: &Levels, to: &Levels) -> bool {
    (0..Levels::entries(&[from, to])).any(|i| is_curved(from.at(i), to.at(i)))
}

/// Whether a step can be improved on: not where nothing moves, and not at `σ' = 0`, which is
/// infinitely far in `λ`.
pub(super) fn is_curved(from: NoiseLevel, to: NoiseLevel) -> bool {
    from != to && 0.0 < to.sigma
}

/// The levels at `λ = (λ + λ')/2`; a position that is not curved stays where it is.
pub(super) fn halfway(
    schedule: &impl NoiseSchedule,
    from: &Levels,
    to: &Levels,
) -> Result<Levels, ScheduleError> {
    levels(from, to, |from, to| match is_curved(from, to) {
        true => schedule.level_at(0.5 * (from.lambda() + to.lambda())),
        false => Ok(from),
    })
}
