//! Variants without fields refuse fields.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Accepts a variant's tag and nothing beside it. Without this, serde would drop what stands
/// beside a variant that has no fields, and a setting would be lost without a word.
pub(crate) fn nothing_else<'de, D: Deserializer<'de>>(fields: D) -> Result<(), D::Error> {
    Nothing::deserialize(fields).map(|Nothing {}| ())
}
