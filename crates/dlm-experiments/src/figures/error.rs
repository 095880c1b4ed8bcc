//! Why a figure could not be drawn.

/// What is wrong with the data of a figure. Points, positions and ranks are counted
/// from 0.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FigureError {
    /// There is nothing to draw.
    #[error("figure \"{title}\" has no {what}: give it at least one")]
    Empty {
        /// Title of the figure.
        title: String,
        /// What is missing.
        what: &'static str,
    },
    /// More than a figure can show legibly.
    #[error("{count} {what}: a figure shows at most {most}, so split it")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many were given.
        count: usize,
        /// How many can be shown.
        most: usize,
    },
    /// A point that no axis holds.
    #[error(
        "panel \"{panel}\", curve \"{curve}\", point {point}: {field} is {value}, not a finite number \
         up to 1e100; leave the point out"
    )]
    Value {
        /// Title of the panel.
        panel: String,
        /// Label of the curve.
        curve: String,
        /// Index of the point.
        point: usize,
        /// The offending field of [`Point`](super::Point).
        field: &'static str,
        /// What it holds.
        value: f64,
    },
    /// The lower end of an interval lies above its upper end.
    #[error(
        "panel \"{panel}\", curve \"{curve}\", point {point}: lower {lower} exceeds upper {upper}; \
         exchange them"
    )]
    Interval {
        /// Title of the panel.
        panel: String,
        /// Label of the curve.
        curve: String,
        /// Index of the point.
        point: usize,
        /// Lower end of the interval.
        lower: f64,
        /// Upper end of the interval.
        upper: f64,
    },
    /// A cell of a heat map holds no probability.
    #[error("position {position}, rank {rank}: {value} is no probability; it must lie in 0..=1")]
    Probability {
        /// Index of the masked position.
        position: usize,
        /// Index of the cell at that position.
        rank: usize,
        /// What it holds.
        value: f64,
    },
    /// A band of a heat map would hold no position.
    #[error("per_band is 0: a band holds at least one position")]
    NoBand,
    /// The drawing library failed.
    #[error("the drawing failed: {0}")]
    Drawing(String),
}

/// Whether `count` of something can be shown.
pub(super) fn at_most(what: &'static str, count: usize, most: usize) -> Result<(), FigureError> {
    if count <= most { Ok(()) } else { Err(FigureError::TooMany { what, count, most }) }
}
